// The Durable Task Scheduler that keeps the orchestrations, with the task hub that host.json names.
param name string
param location string
param tags object
param isPrivate bool
@allowed(['Consumption', 'Dedicated'])
param sku string
param capacity int
param appPrincipalId string
param developerPrincipalId string

var roles = loadJsonContent('../roles.json')

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // Who is let in is decided by identity (there is no other way in) and by publicNetworkAccess.
    ipAllowlist: ['0.0.0.0/0']
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    sku: sku == 'Dedicated' ? { name: 'Dedicated', capacity: capacity } : { name: 'Consumption' }
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: 'quantum'
}

resource appGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hub
  name: guid(hub.id, appPrincipalId, 'Durable Task Data Contributor')
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Durable Task Data Contributor'])
  }
}

resource developerGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(developerPrincipalId)) {
  scope: hub
  name: guid(hub.id, developerPrincipalId, 'Durable Task Data Contributor')
  properties: {
    principalId: developerPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Durable Task Data Contributor'])
  }
}

output id string = scheduler.id
output endpoint string = scheduler.properties.endpoint
