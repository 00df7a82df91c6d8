import { AssayError } from '../../../shared/core/errors.ts'
import { askContainer, inspectContainer, type ContainerState } from '../docker-api.ts'
import type { ContainerFault, PinnedContainer } from './fault.ts'

/** Freezes all processes of a container (docker pause): connections stay open, nothing answers. Healed by unpause. */
export const pauseContainer: ContainerFault = {
  async plan({ api, container }) {
    const state = await inspectContainer({ api }, container)
    if (state?.isRunning !== true)
      throw new AssayError('INPUT_INVALID', `container ${container} ${state === null ? 'is not there' : 'does not run'}`)
    // Whoever paused it counts on that.
    if (state.isPaused) throw new AssayError('INPUT_INVALID', `container ${container} is paused already: a running one was expected`)
    return { api, containerId: state.id, startedAt: state.startedAt }
  },
  async inject(pinned) {
    if ((await sameContainer(pinned)) === null)
      throw new AssayError('INPUT_INVALID', `container ${shortId(pinned)} is no longer the one the lease was written for`)
    await askContainer(pinned, pinned.containerId, 'pause')
  },
  async bit(pinned) {
    return (await sameContainer(pinned))?.isPaused === true ? `container ${shortId(pinned)} is paused` : null
  },
  async heal(pinned) {
    if ((await sameContainer(pinned))?.isPaused === true) await askContainer(pinned, pinned.containerId, 'unpause')
  },
  async healed(pinned) {
    const state = await sameContainer(pinned)
    if (state === null) return `container ${shortId(pinned)} is gone or was started anew: nothing is left to heal`
    return state.isPaused ? null : `container ${shortId(pinned)} is ${state.status}`
  },
}

async function sameContainer({ api, containerId, startedAt }: PinnedContainer): Promise<ContainerState | null> {
  const state = await inspectContainer({ api }, containerId)
  return state?.startedAt === startedAt ? state : null
}

const shortId = ({ containerId }: PinnedContainer) => containerId.slice(0, 12)
