// The Functions app on a Flex Consumption plan. Its settings are described in docs/operating.md.
param name string
param planName string
param location string
param tags object
param zoneRedundant bool
@allowed([512, 2048, 4096])
param memory int
param maximumInstances int
param alwaysReadyHttp int
param alwaysReadyDurable int
param identityId string
param clientId string
@description('The subnet to call out from; empty without a virtual network.')
param subnetId string
param workspaceId string
param insightsConnection string
param storageBlobUri string
param storageQueueUri string
param storageTableUri string
param deploymentContainer string
param durableOnStorage bool
@description('Of the Durable Task Scheduler; empty if orchestrations are kept in Azure Storage.')
param schedulerEndpoint string
param cosmosEndpoint string
param eventHubsHost string
@description('Where the vault has the sealing key; without a version, for the newest one.')
param sealingKeyUri string
@description('The vault with tenants\' secrets.')
param secretsUri string
param publicUrl string
param tokenIssuers string
param credentialScopes string
param platformAdmins string
param egressAllow string
param consoleIssuer string
param consoleClientId string
param consoleScopes string
@description('Addresses of the registry that images are built into, with commas; the first is its own.')
param buildRegistry string
@description('That registry as a resource.')
param buildRegistryId string

var alwaysReady = concat(
  alwaysReadyHttp > 0 ? [{ name: 'http', instanceCount: alwaysReadyHttp }] : [],
  alwaysReadyDurable > 0 ? [{ name: 'durable', instanceCount: alwaysReadyDurable }] : []
)

var platformSettings = {
  QUANTUM_ADAPTERS: 'azure'
  QUANTUM_HOST_URL: publicUrl
  QUANTUM_TOKEN_ISSUERS: tokenIssuers
  QUANTUM_KEY_VAULT: secretsUri
  QUANTUM_SEALING_KEY: '@Microsoft.KeyVault(SecretUri=${sealingKeyUri})'
  QUANTUM_CREDENTIALS: string({ kind: 'managed-identity', client_id: clientId })
  QUANTUM_CREDENTIALS_SCOPES: credentialScopes
  QUANTUM_PLATFORM_ADMINS: platformAdmins
  QUANTUM_EGRESS_ALLOW: egressAllow
  QUANTUM_CONSOLE_ISSUER: consoleIssuer
  QUANTUM_CONSOLE_CLIENT_ID: consoleClientId
  QUANTUM_CONSOLE_SCOPES: consoleScopes
  QUANTUM_BUILD_REGISTRY: buildRegistry
  QUANTUM_BUILD_REGISTRY_ID: buildRegistryId
  QUANTUM_TELEMETRY: 'azure-monitor'
  AZURE_CLIENT_ID: clientId
}

// Triggers read these, and the adapters read the same: what two settings say cannot differ.
var connectionSettings = {
  AzureWebJobsStorage__blobServiceUri: storageBlobUri
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  CosmosDBConnection__accountEndpoint: cosmosEndpoint
  CosmosDBConnection__credential: 'managedidentity'
  CosmosDBConnection__clientId: clientId
  EventHubConnection__fullyQualifiedNamespace: eventHubsHost
  EventHubConnection__credential: 'managedidentity'
  EventHubConnection__clientId: clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
}

// host.json names the scheduler; the settings AzureFunctionsJobHost__… override it for Azure Storage.
var durableSettings = durableOnStorage ? {
  AzureWebJobsStorage__queueServiceUri: storageQueueUri
  AzureWebJobsStorage__tableServiceUri: storageTableUri
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'AzureStorage'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'AzureWebJobsStorage'
} : {
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${clientId}'
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp,linux'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // What keeps data is private where there is a network; the app is what the world talks to.
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    keyVaultReferenceIdentity: identityId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storageBlobUri}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: memory
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReady
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: union(platformSettings, connectionSettings, durableSettings)
}

// Nobody deploys with a password.
resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = app.name
