// What somebody is told about. Each rule's name is a heading of docs/alerts.md that says what to do.
param actionGroupName string
param location string
param tags object
@description('Who is told; empty: alerts are only shown in the portal.')
param email string
param limits object
param workspaceId string
param cosmosId string
param eventHubsId string

var queries = [
  {
    name: 'failed-executions'
    severity: 2
    threshold: limits.failedExecutions
    measure: 'failed'
    aggregation: 'Total'
    query: 'AppMetrics | where Name == "quantum.executions.finished" and Properties.status == "failed" | summarize failed = sum(Sum) by bin(TimeGenerated, 5m)'
    description: 'More executions failed in 15 minutes than usual.'
  }
  {
    name: 'relay-lag'
    severity: 1
    threshold: limits.relayLagSeconds
    measure: 'lag'
    aggregation: 'Maximum'
    query: 'AppMetrics | where Name == "quantum.relay.lag" | summarize lag = max(Max) by bin(TimeGenerated, 5m)'
    description: 'Events wait too long in the outbox before they reach Event Hubs.'
  }
  {
    name: 'throttled-requests'
    severity: 3
    threshold: limits.throttled
    measure: 'throttled'
    aggregation: 'Total'
    query: 'AppMetrics | where Name == "quantum.requests.throttled" | summarize throttled = sum(Sum) by bin(TimeGenerated, 5m)'
    description: 'Many requests were answered 429.'
  }
  {
    name: 'server-errors'
    severity: 1
    threshold: limits.errorPercent
    measure: 'percent'
    aggregation: 'Average'
    query: 'AppRequests | summarize percent = 100.0 * countif(toint(ResultCode) >= 500) / count() by bin(TimeGenerated, 5m)'
    description: 'Too large a part of the requests was answered with a server error.'
  }
  {
    name: 'latency'
    severity: 2
    threshold: limits.latencyMs
    measure: 'p95'
    aggregation: 'Average'
    query: 'AppRequests | where toint(ResultCode) < 500 and Url !endswith "/events" and isnotempty(Url) | summarize p95 = percentile(DurationMs, 95) by bin(TimeGenerated, 5m)'
    description: 'One request in twenty took too long; event streams are not counted.'
  }
]

var metrics = [
  {
    name: 'cosmos-throttling'
    scope: cosmosId
    space: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'TotalRequests'
    aggregation: 'Count'
    threshold: limits.throttled
    dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
    description: 'Cosmos DB refuses requests: more request units are asked for than there are.'
  }
  {
    name: 'cosmos-consumption'
    scope: cosmosId
    space: 'Microsoft.DocumentDB/databaseAccounts'
    metric: 'NormalizedRUConsumption'
    aggregation: 'Maximum'
    threshold: 90
    dimensions: []
    description: 'A physical partition of Cosmos DB is at its limit.'
  }
  {
    name: 'eventhubs-throttling'
    scope: eventHubsId
    space: 'Microsoft.EventHub/namespaces'
    metric: 'ThrottledRequests'
    aggregation: 'Total'
    threshold: 0
    dimensions: []
    description: 'Event Hubs refuses requests: more throughput units are needed.'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'quantum'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in queries: {
  name: rule.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    description: rule.description
    enabled: limits.enabled
    severity: rule.severity
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          metricMeasureColumn: rule.measure
          timeAggregation: rule.aggregation
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [people.id] }
  }
}]

resource metricRules 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metrics: {
  name: rule.name
  location: 'global'
  tags: tags
  properties: {
    description: rule.description
    enabled: limits.enabled
    severity: 2
    scopes: [rule.scope]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricNamespace: rule.space
          metricName: rule.metric
          timeAggregation: rule.aggregation
          operator: 'GreaterThan'
          threshold: rule.threshold
          dimensions: rule.dimensions
        }
      ]
    }
    actions: [{ actionGroupId: people.id }]
  }
}]
