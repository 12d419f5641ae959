// A container registry for the images that intents build, and the app's right to build and push there.
param name string
param location string
param tags object
param isPrivate bool
param zoneRedundant bool
@allowed(['Basic', 'Standard', 'Premium'])
param sku string
param workspaceId string
param appPrincipalId string

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkRuleBypassOptions: isPrivate ? 'AzureServices' : 'None'
    zoneRedundancy: zoneRedundant && sku == 'Premium' ? 'Enabled' : 'Disabled'
  }
}

module access 'registryaccess.bicep' = {
  params: {
    name: registry.name
    appPrincipalId: appPrincipalId
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: registry
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = registry.id
output loginServer string = registry.properties.loginServer
