// An API Management in front, for those who keep all their APIs behind one: it passes everything through,
// event streams unbuffered, and leaves tokens, limits and errors to the platform.
param name string
param location string
param tags object
@allowed(['BasicV2', 'StandardV2', 'Developer', 'Premium'])
param sku string
param capacity int
param publisherEmail string
param backendUrl string
param insightsName string
param workspaceId string

var roles = loadJsonContent('../roles.json')
var methods = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT']

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, capacity: capacity }
  identity: { type: 'SystemAssigned' }
  properties: {
    publisherName: 'Quantum Platform'
    publisherEmail: publisherEmail
    customProperties: endsWith(sku, 'V2') ? {} : {
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls10': 'False'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls11': 'False'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls10': 'False'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls11': 'False'
    }
  }
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'quantum'
  properties: {
    displayName: 'Quantum Platform'
    path: 'api/v1'
    protocols: ['https']
    serviceUrl: '${backendUrl}/api/v1'
    subscriptionRequired: false
  }
}

resource operations 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = [for method in methods: {
  parent: api
  name: toLower(method)
  properties: {
    displayName: method
    method: method
    urlTemplate: '/*'
  }
}]

resource console 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'quantum-console'
  properties: {
    displayName: 'Quantum Platform, the web console'
    path: 'console'
    protocols: ['https']
    serviceUrl: '${backendUrl}/console'
    subscriptionRequired: false
  }
}

resource consoleFiles 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: console
  name: 'get'
  properties: {
    displayName: 'GET'
    method: 'GET'
    urlTemplate: '/*'
  }
}

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: loadTextContent('../api-policy.xml')
  }
}

resource sendsTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, service.id, 'Monitoring Metrics Publisher')
  properties: {
    principalId: service.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Monitoring Metrics Publisher'])
  }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'insights'
  properties: {
    loggerType: 'applicationInsights'
    resourceId: insights.id
    credentials: {
      connectionString: insights.properties.ConnectionString
      identityClientId: 'SystemAssigned'
    }
  }
  dependsOn: [sendsTelemetry]
}

resource traces 'Microsoft.ApiManagement/service/apis/diagnostics@2024-05-01' = {
  parent: api
  name: 'applicationinsights'
  properties: {
    loggerId: logger.id
    httpCorrelationProtocol: 'W3C'
    sampling: { samplingType: 'fixed', percentage: 100 }
    // Logging bodies would buffer them, and with them the event streams.
    frontend: { request: { body: { bytes: 0 } }, response: { body: { bytes: 0 } } }
    backend: { request: { body: { bytes: 0 } }, response: { body: { bytes: 0 } } }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: service
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'GatewayLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}
