// The vault with the platform's sealing key. The app reads it and can do nothing else.
param name string
param location string
param tags object
param isPrivate bool
param softDeleteDays int
param purgeProtection bool
param workspaceId string
param appPrincipalId string
param developerPrincipalId string
@secure()
@description('What the platform seals cursors and webhook secrets with. Empty: the vault keeps the one it has.')
param sealingKey string

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
  name: guid(vault.id, appPrincipalId, 'Key Vault Secrets User')
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
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
output sealingKeyUri string = '${vault.properties.vaultUri}secrets/${sealingKeyName}'
