// What the app may do in a registry: push images and take tags back, and have images built by ACR Tasks.
param name string
param appPrincipalId string

var roles = loadJsonContent('../roles.json')
var granted = ['AcrPush', 'AcrDelete', 'Container Registry Tasks Contributor']

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: name
}

resource grants 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in granted: {
  scope: registry
  name: guid(registry.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[role])
  }
}]

output loginServer string = registry.properties.loginServer
