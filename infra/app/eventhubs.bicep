// The Event Hub that the outbox is published to, and a consumer group for each function that reads it.
param name string
param location string
param tags object
param isPrivate bool
param zoneRedundant bool
param capacity int
param maximumCapacity int
param partitions int
param retentionHours int
param workspaceId string
param appPrincipalId string
param developerPrincipalId string

var roles = loadJsonContent('../roles.json')
var granted = ['Azure Event Hubs Data Sender', 'Azure Event Hubs Data Receiver']
var consumerGroups = ['webhooks', 'counters']

resource namespace 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard', capacity: capacity }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    zoneRedundant: zoneRedundant
    isAutoInflateEnabled: maximumCapacity > capacity
    maximumThroughputUnits: maximumCapacity > capacity ? maximumCapacity : 0
  }
}

resource hub 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: namespace
  name: 'events'
  properties: {
    partitionCount: partitions
    retentionDescription: { cleanupPolicy: 'Delete', retentionTimeInHours: retentionHours }
  }
}

resource groups 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = [for group in consumerGroups: {
  parent: hub
  name: group
}]

resource appGrants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in granted: {
  scope: hub
  name: guid(hub.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
  }
}]

resource developerGrants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in granted: if (!empty(developerPrincipalId)) {
  scope: hub
  name: guid(hub.id, developerPrincipalId, role)
  properties: {
    principalId: developerPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = namespace.id
output host string = '${namespace.name}.servicebus.windows.net'
