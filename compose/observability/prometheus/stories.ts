import { pipelineStories } from './pipeline-stories.ts'
import { watcherStories } from './watcher-stories.ts'

/** What Prometheus sees, and which alerts fire then, for `promtool test rules`. */
export interface Story {
  readonly title: string
  readonly alert: string
  /** Between samples. */
  readonly every: '5s' | '15s' | '1m'
  /** In promtool's notation: `0+5x3` is 0 5 10 15, `1x2` is 1 1 1. */
  readonly series: Readonly<Record<string, string>>
  /** Labels of the firing alerts, by time; none: it is silent then. */
  readonly at: Readonly<Record<string, readonly string[]>>
}

export const stories: readonly Story[] = [...pipelineStories, ...watcherStories]
