// The virtual network of a private installation: a subnet that the app calls out from, by one fixed address,
// and one for the private endpoints of what keeps data.
param name string
param securityGroupName string
param natGatewayName string
param publicIpName string
param location string
param tags object
param workspaceId string

resource securityGroup 'Microsoft.Network/networkSecurityGroups@2024-10-01' = {
  name: securityGroupName
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-inbound-from-internet'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource address 'Microsoft.Network/publicIPAddresses@2024-10-01' = {
  name: publicIpName
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource nat 'Microsoft.Network/natGateways@2024-10-01' = {
  name: natGatewayName
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIpAddresses: [{ id: address.id }] }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-10-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.80.0.0/16'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.80.0.0/24'
          natGateway: { id: nat.id }
          networkSecurityGroup: { id: securityGroup.id }
          // Flex Consumption wants this delegation, not the one to Microsoft.Web of the other plans.
          delegations: [{ name: 'app', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.80.1.0/24'
          networkSecurityGroup: { id: securityGroup.id }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vnet
  name: 'logs'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = vnet.id
output appSubnetId string = '${vnet.id}/subnets/app'
output endpointsSubnetId string = '${vnet.id}/subnets/endpoints'
output egressAddress string = address.properties.ipAddress
