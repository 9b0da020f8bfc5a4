import type { ClusterPeers, Selection, Task, TaskResult } from "../across.ts"
import type { PeerDescription } from "../peer.ts"
import type { Without } from "./broadcast.ts"
import { perform, type TaskHost } from "./tasks.ts"

/**
 * Has all processes do it, this one at once. The promise rejects with what the cluster rejects with. `without`: which peers
 * are left out here; other processes leave out rooms alone, because a peer of this process is no peer of theirs.
 */
export function everywhere(
  host: TaskHost,
  cluster: ClusterPeers | undefined,
  selection: Selection,
  task: Task,
  without?: Without,
): Promise<Required<TaskResult>> {
  // The others are asked first, because a listener that is called here may send something, which must come later.
  const asked = cluster?.ask(selection, task)
  let here: TaskResult
  try {
    here = perform(host, selection, task, without)
  } catch (error) {
    asked?.catch(() => {}) // `error` is thrown in its place
    throw error
  }
  return summed(here, asked, cluster, task)
}

async function summed(
  here: TaskResult,
  asked: Promise<readonly TaskResult[]> | undefined,
  cluster: ClusterPeers | undefined,
  task: Task,
): Promise<Required<TaskResult>> {
  const peers: PeerDescription[] = [...(here.peers ?? [])]
  let { count } = here
  for (const there of (await asked) ?? []) {
    count += there.count
    for (const peer of there.peers ?? []) peers.push(peer)
  }
  if (task.what === "join") await cluster?.ready(task.room)
  return { count, peers }
}
