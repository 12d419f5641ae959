// The workbook: how the platform is, on one page of the portal.
param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'quantum-platform')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Quantum Platform'
    category: 'workbook'
    serializedData: loadTextContent('../workbook.json')
    sourceId: workspaceId
  }
}
