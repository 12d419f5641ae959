// Cosmos DB: the containers of the documents port, and the leases of the change-feed triggers. Containers,
// partition keys and indexes are data, in ../containers.json, as the service's REST interface wants them.
param name string
param location string
param tags object
param isPrivate bool
param zoneRedundant bool
param serverless bool
@description('Most request units a second of each container, by name, where the account is not serverless.')
param throughput object
@allowed(['Continuous7Days', 'Continuous30Days'])
param backup string
param workspaceId string
param appPrincipalId string
param developerPrincipalId string

var roles = loadJsonContent('../roles.json')
var containers = loadJsonContent('../containers.json')
var principals = concat([appPrincipalId], empty(developerPrincipalId) ? [] : [developerPrincipalId])

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }]
    capabilities: serverless ? [{ name: 'EnableServerless' }] : []
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: backup } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAclBypass: 'None'
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  parent: account
  name: 'quantum'
  properties: { resource: { id: 'quantum' } }
}

resource stores 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-04-15' = [for container in containers: {
  parent: database
  name: container.id
  properties: {
    resource: container
    options: serverless ? {} : { autoscaleSettings: { maxThroughput: throughput[container.id] } }
  }
}]

// Data access has roles of its own, and is given for the database. Azure's roles give none.
resource grants 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = [for principal in principals: {
  parent: account
  name: guid(database.id, principal, 'Cosmos DB Built-in Data Contributor')
  properties: {
    principalId: principal
    roleDefinitionId: '${account.id}/sqlRoleDefinitions/${roles['Cosmos DB Built-in Data Contributor']}'
    scope: '${account.id}/dbs/${database.name}'
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      { category: 'ControlPlaneRequests', enabled: true }
      { category: 'PartitionKeyRUConsumption', enabled: true }
      { category: 'QueryRuntimeStatistics', enabled: true }
    ]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

output id string = account.id
output endpoint string = account.properties.documentEndpoint
