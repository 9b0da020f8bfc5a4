/**
 * `everwire/testing`: a clock that moves when told and a network that fails when told, to test an application, or a
 * transport, without waiting and without sockets; and a hub behind msw, to test a front end.
 *
 * @module
 */

export type { Backplane } from "./cluster/backplane.ts"
export { createDuo, type Duo, type DuoOptions } from "./testing/duo.ts"
export { expectDelivered } from "./testing/expect-delivered.ts"
export {
  type BackplaneRig,
  type BackplaneSubject,
  backplaneLaws,
  type Claim,
  codecLaws,
  type Law,
  LawBroken,
  type Seat,
  type TransportRig,
  type TransportSubject,
  type TransportTraits,
  transportLaws,
  type Whereabouts,
} from "./testing/laws.ts"
export type { Carried, Limits } from "./testing/line.ts"
export {
  type MemoryBackplane,
  type MemoryBackplaneOptions,
  type MemoryEnd,
  memoryBackplane,
} from "./testing/memory-backplane.ts"
export { createNetwork } from "./testing/memory-network.ts"
export { type Msw, type MswClient, type MswConnection, type MswLink, mswHandlers } from "./testing/msw.ts"
export type { Network, NetworkOptions } from "./testing/network.ts"
export {
  type Application,
  createSimulation,
  type Faults,
  type Move,
  type Plan,
  type Simulation,
  SimulationFailed,
  type SimulationOptions,
  type SimulationReport,
  type World,
} from "./testing/simulation/simulation.ts"
export {
  createVirtualRuntime,
  type Machine,
  type VirtualRuntime,
  type VirtualRuntimeOptions,
} from "./testing/virtual-runtime.ts"
export type { Direction, Wire, WireEnd } from "./testing/wire.ts"
