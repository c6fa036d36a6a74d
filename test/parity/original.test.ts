import { checkNetworks } from './check-network.js'

checkNetworks('original')
