import type { Cluster, ClusterHost, OpenCluster } from "../server/cluster.ts"
import { cluster } from "./cluster.ts"
import { DrivenBackplane } from "./driven-backplane.ts"

/** A backplane that is a cluster too, with the default options, so that an application gives it to its hub as it is. */
export class JoinedBackplane extends DrivenBackplane implements Cluster {
  readonly isCluster = true

  open(host: ClusterHost): OpenCluster {
    return cluster(this).open(host)
  }
}
