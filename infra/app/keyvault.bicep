// A vault. There are two: of that with the platform's sealing key the app reads and can do nothing else; tenants'
// secrets, which the app writes, are in one of their own.
param name string
param location string
param tags object
param isPrivate bool
param softDeleteDays int
param purgeProtection bool
param workspaceId string
param appPrincipalId string
@allowed(['Key Vault Secrets User', 'Key Vault Secrets Officer'])
@description('What the app may: read secrets, or write and delete them too.')
param appRole string
@description('Who else may write secrets; empty: nobody.')
param developerPrincipalId string = ''
@secure()
@description('What the platform seals cursors and webhook secrets with. Empty: the vault keeps the one it has, if any.')
param sealingKey string = ''

var sealingKeyName = 'sealing-key'
var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: softDeleteDays
    // Azure takes true or nothing here: once on, it cannot be turned off.
    enablePurgeProtection: purgeProtection ? true : null
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource seal 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(sealingKey)) {
  parent: vault
  name: sealingKeyName
  tags: tags
  properties: {
    value: sealingKey
    contentType: 'hexadecimal'
    attributes: { enabled: true }
  }
}

resource appGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, appPrincipalId, appRole)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[appRole])
  }
}

resource developerGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(developerPrincipalId)) {
  scope: vault
  name: guid(vault.id, developerPrincipalId, 'Key Vault Secrets Officer')
  properties: {
    principalId: developerPrincipalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets Officer'])
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
output sealingKeyUri string = '${vault.properties.vaultUri}secrets/${sealingKeyName}'
