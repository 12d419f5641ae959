// Everything the platform runs on in Azure: a resource group, and in it what app/*.bicep makes.
// Sizes are data: parameters/<profile>.json. What differs between installations is a parameter.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('The name of the environment (azd env new <name>); names and tags are made of it.')
param environmentName string

@minLength(1)
@description('The region of all resources.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Object id of the person who deploys: gets data-plane roles where the profile says developerAccess.')
param principalId string = ''

@allowed(['dev', 'test', 'prod'])
@description('Which of parameters/*.json gives the sizes.')
param profile string = 'dev'

@allowed(['', 'public', 'private'])
@description('private: a virtual network, private endpoints, no public access to data. Empty: as in the profile.')
param network string = ''

@allowed(['', 'scheduler', 'storage'])
@description('What keeps orchestrations: Durable Task Scheduler or Azure Storage. Empty: as in the profile.')
param durableBackend string = ''

@allowed(['', 'serverless', 'autoscale'])
@description('How Cosmos DB is paid for. It cannot be changed for an account that exists. Empty: as in the profile.')
param cosmosCapacity string = ''

@allowed(['', 'none', 'BasicV2', 'StandardV2', 'Developer', 'Premium'])
@description('The tier of an API Management in front (never Consumption: it cuts event streams). Empty: as in the profile.')
param apiManagement string = ''

@description('Resource id of a container registry that exists. Empty: one is made.')
param containerRegistryId string = ''

@description('The client id of the API\'s registration in Entra ID, whose tokens are taken. Empty: only tokenIssuers are.')
param tokenClientId string = ''

@description('Ids of the Entra tenants whose tokens are taken, separated by commas. Empty: this subscription\'s.')
param tokenTenants string = ''

@description('Further issuers of tokens, each an object as QUANTUM_TOKEN_ISSUERS takes it.')
param tokenIssuers array = []

@description('The client id of the web console\'s registration. Empty: nobody signs in to it, unless consoleIssuer is given.')
param consoleClientId string = ''

@description('Where people sign in to the web console. Empty: with consoleClientId, Entra ID of this subscription.')
param consoleIssuer string = ''

@description('What the web console asks for, separated by spaces. Empty: with tokenClientId, the API\'s default scope.')
param consoleScopes string = ''

@description('What the platform\'s own tokens are given to steps for, as QUANTUM_CREDENTIALS_SCOPES takes it.')
param credentialScopes array = []

@description('Who administers the platform at first, each an object as QUANTUM_PLATFORM_ADMINS takes it.')
param platformAdmins array = []

@description('Private networks and host:port pairs that actions may reach, separated by commas.')
param egressAllow string = ''

@secure()
@description('32 random bytes or more, as hexadecimal digits; azure.yaml makes them. Empty: the vault keeps the key it has.')
param sealingKey string = ''

@description('Who is told of alerts and owns the API Management.')
param alertEmail string = ''

@description('Further tags for all resources.')
param extraTags object = {}

var profiles = {
  dev: loadJsonContent('parameters/dev.json')
  test: loadJsonContent('parameters/test.json')
  prod: loadJsonContent('parameters/prod.json')
}
var sizes = profiles[profile]
var isPrivate = (empty(network) ? sizes.network : network) == 'private'
var backend = empty(durableBackend) ? sizes.durable.backend : durableBackend
var capacity = empty(cosmosCapacity) ? sizes.cosmos.capacity : cosmosCapacity
var gateway = empty(apiManagement) ? sizes.apiManagement : apiManagement
var hasGateway = gateway != 'none'
var developer = sizes.developerAccess ? principalId : ''

var prefix = loadJsonContent('abbreviations.json')
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = union(extraTags, { 'azd-env-name': environmentName, 'quantum-profile': profile })
var appName = '${prefix.functionApp}${token}'
var appUrl = 'https://${appName}.azurewebsites.net'
var gatewayName = '${prefix.apiManagement}${token}'
var publicUrl = hasGateway ? 'https://${gatewayName}.azure-api.net' : appUrl
var ownTenant = tenant().tenantId
var entraIssuers = empty(tokenClientId) ? [] : [
  {
    kind: 'entra'
    client_id: tokenClientId
    tenants: empty(tokenTenants) ? [ownTenant] : split(tokenTenants, ',')
  }
]
var entraSignIn = '${environment().authentication.loginEndpoint}${ownTenant}/v2.0'
var signIn = empty(consoleIssuer) && !empty(consoleClientId) ? entraSignIn : consoleIssuer
var apiScopes = empty(tokenClientId) ? '' : 'api://${tokenClientId}/.default openid offline_access'
// Azure looks at the scope of a module even if its condition is false: there is always one.
var groupName = '${prefix.resourceGroup}${environmentName}'
var noRegistry = '${subscription().id}/resourceGroups/${groupName}/providers/Microsoft.ContainerRegistry/registries/none'
var registryPath = split(empty(containerRegistryId) ? noRegistry : containerRegistryId, '/')
var email = empty(alertEmail) ? 'nobody@example.com' : alertEmail

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  scope: group
  params: {
    name: '${prefix.userAssignedIdentity}${token}'
    location: location
    tags: tags
  }
}

module monitoring 'app/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: '${prefix.logAnalytics}${token}'
    insightsName: '${prefix.applicationInsights}${token}'
    location: location
    tags: tags
    retentionDays: sizes.logs.retentionDays
    dailyCapGb: sizes.logs.dailyCapGb
    appPrincipalId: identity.outputs.principalId
  }
}

module vnet 'app/network.bicep' = if (isPrivate) {
  scope: group
  params: {
    name: '${prefix.virtualNetwork}${token}'
    securityGroupName: '${prefix.networkSecurityGroup}${token}'
    natGatewayName: '${prefix.natGateway}${token}'
    publicIpName: '${prefix.publicIp}${token}'
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module storage 'app/storage.bicep' = {
  scope: group
  params: {
    name: '${prefix.storageAccount}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    zoneRedundant: sizes.zoneRedundant
    durableOnStorage: backend == 'storage'
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    developerPrincipalId: developer
  }
}

module cosmos 'app/cosmos.bicep' = {
  scope: group
  params: {
    name: '${prefix.cosmosAccount}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    zoneRedundant: sizes.zoneRedundant
    serverless: capacity == 'serverless'
    throughput: sizes.cosmos.throughput
    backup: sizes.cosmos.backup
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    developerPrincipalId: developer
  }
}

module events 'app/eventhubs.bicep' = {
  scope: group
  params: {
    name: '${prefix.eventHubsNamespace}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    zoneRedundant: sizes.zoneRedundant
    capacity: sizes.events.capacity
    maximumCapacity: sizes.events.maximumCapacity
    partitions: sizes.events.partitions
    retentionHours: sizes.events.retentionHours
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    developerPrincipalId: developer
  }
}

module durable 'app/durable.bicep' = if (backend == 'scheduler') {
  scope: group
  params: {
    name: '${prefix.durableScheduler}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    sku: sizes.durable.sku
    capacity: sizes.durable.capacity
    appPrincipalId: identity.outputs.principalId
    developerPrincipalId: developer
  }
}

module vault 'app/keyvault.bicep' = {
  scope: group
  params: {
    name: '${prefix.keyVault}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    softDeleteDays: sizes.keyVault.softDeleteDays
    purgeProtection: sizes.keyVault.purgeProtection
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    appRole: 'Key Vault Secrets User'
    developerPrincipalId: developer
    sealingKey: sealingKey
  }
}

module secrets 'app/keyvault.bicep' = {
  scope: group
  params: {
    name: '${prefix.keyVault}secrets-${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    softDeleteDays: sizes.keyVault.softDeleteDays
    purgeProtection: sizes.keyVault.purgeProtection
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
    appRole: 'Key Vault Secrets Officer'
  }
}

module registry 'app/registry.bicep' = if (empty(containerRegistryId)) {
  scope: group
  params: {
    name: '${prefix.containerRegistry}${token}'
    location: location
    tags: tags
    isPrivate: isPrivate
    zoneRedundant: sizes.zoneRedundant
    sku: isPrivate ? 'Premium' : sizes.registrySku
    workspaceId: monitoring.outputs.workspaceId
    appPrincipalId: identity.outputs.principalId
  }
}

module registryAccess 'app/registryaccess.bicep' = if (!empty(containerRegistryId)) {
  scope: resourceGroup(registryPath[2], registryPath[4])
  params: {
    name: last(registryPath)
    appPrincipalId: identity.outputs.principalId
  }
}

// One private endpoint for each service that keeps data, with its name in a private zone of the network.
var storageEndpoints = [
  { service: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}', target: storage.outputs.id, group: 'blob' }
]
var durableStorageEndpoints = backend == 'storage' ? [
  { service: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}', target: storage.outputs.id, group: 'queue' }
  { service: 'table', zone: 'privatelink.table.${environment().suffixes.storage}', target: storage.outputs.id, group: 'table' }
] : []
var schedulerEndpoints = backend == 'scheduler' ? [
  { service: 'durable', zone: 'privatelink.durabletask.io', target: durable!.outputs.id, group: 'scheduler' }
] : []
var registryEndpoints = empty(containerRegistryId) ? [
  { service: 'registry', zone: 'privatelink${environment().suffixes.acrLoginServer}', target: registry!.outputs.id, group: 'registry' }
] : []
var serviceEndpoints = [
  { service: 'cosmos', zone: 'privatelink.documents.azure.com', target: cosmos.outputs.id, group: 'Sql' }
  { service: 'events', zone: 'privatelink.servicebus.windows.net', target: events.outputs.id, group: 'namespace' }
  { service: 'vault', zone: 'privatelink.vaultcore.azure.net', target: vault.outputs.id, group: 'vault' }
  { service: 'secrets', zone: 'privatelink.vaultcore.azure.net', target: secrets.outputs.id, group: 'vault' }
]

module endpoints 'app/endpoints.bicep' = if (isPrivate) {
  scope: group
  params: {
    namePrefix: '${prefix.privateEndpoint}${token}-'
    location: location
    tags: tags
    networkId: vnet!.outputs.id
    subnetId: vnet!.outputs.endpointsSubnetId
    endpoints: concat(storageEndpoints, durableStorageEndpoints, schedulerEndpoints, registryEndpoints, serviceEndpoints)
  }
}

// Behind a private endpoint, whoever reads blobs is sent to a host of the region's, which is private, too.
var registryHost = empty(containerRegistryId) ? registry!.outputs.loginServer : registryAccess!.outputs.loginServer
var registryData = isPrivate && empty(containerRegistryId) ? ',https://${prefix.containerRegistry}${token}.${location}.data${environment().suffixes.acrLoginServer}' : ''
var buildRegistry = 'https://${registryHost}${registryData}'

module platform 'app/functions.bicep' = {
  scope: group
  params: {
    name: appName
    planName: '${prefix.functionPlan}${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'platform' })
    zoneRedundant: sizes.zoneRedundant
    memory: sizes.functions.memory
    maximumInstances: sizes.functions.maximumInstances
    alwaysReadyHttp: sizes.functions.alwaysReadyHttp
    alwaysReadyDurable: sizes.functions.alwaysReadyDurable
    identityId: identity.outputs.id
    clientId: identity.outputs.clientId
    subnetId: isPrivate ? vnet!.outputs.appSubnetId : ''
    workspaceId: monitoring.outputs.workspaceId
    insightsConnection: monitoring.outputs.insightsConnection
    storageBlobUri: storage.outputs.blobUri
    storageQueueUri: storage.outputs.queueUri
    storageTableUri: storage.outputs.tableUri
    deploymentContainer: storage.outputs.deploymentContainer
    durableOnStorage: backend == 'storage'
    schedulerEndpoint: backend == 'scheduler' ? durable!.outputs.endpoint : ''
    cosmosEndpoint: cosmos.outputs.endpoint
    eventHubsHost: events.outputs.host
    sealingKeyUri: vault.outputs.sealingKeyUri
    secretsUri: secrets.outputs.uri
    publicUrl: publicUrl
    tokenIssuers: string(concat(entraIssuers, tokenIssuers))
    credentialScopes: empty(credentialScopes) ? '' : string(credentialScopes)
    platformAdmins: empty(platformAdmins) ? '' : string(platformAdmins)
    egressAllow: egressAllow
    consoleIssuer: signIn
    consoleClientId: consoleClientId
    consoleScopes: empty(consoleScopes) ? apiScopes : consoleScopes
    buildRegistry: buildRegistry
    buildRegistryId: empty(containerRegistryId) ? registry!.outputs.id : containerRegistryId
  }
  dependsOn: [endpoints]
}

module api 'app/apimanagement.bicep' = if (hasGateway) {
  scope: group
  params: {
    name: gatewayName
    location: location
    tags: tags
    sku: gateway
    capacity: sizes.apiManagementCapacity
    publisherEmail: email
    backendUrl: appUrl
    insightsName: monitoring.outputs.insightsName
    workspaceId: monitoring.outputs.workspaceId
  }
}

module alerts 'app/alerts.bicep' = {
  scope: group
  params: {
    actionGroupName: '${prefix.actionGroup}${token}'
    location: location
    tags: tags
    email: alertEmail
    limits: sizes.alerts
    workspaceId: monitoring.outputs.workspaceId
    cosmosId: cosmos.outputs.id
    eventHubsId: events.outputs.id
  }
}

module workbook 'app/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = platform.outputs.name
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output AZURE_COSMOS_ENDPOINT string = cosmos.outputs.endpoint
output AZURE_EVENT_HUBS_HOST string = events.outputs.host
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registryHost
output AZURE_EGRESS_ADDRESS string = isPrivate ? vnet!.outputs.egressAddress : ''
output QUANTUM_API_URL string = '${publicUrl}/api/v1'
