import type { Position } from '../../schemas/parts.ts'
import { sumCount } from '../../shared/core/audit.ts'
import type { Log } from '../../shared/runtime/log.ts'
import type { Metrics } from '../../shared/runtime/metrics.ts'
import type { AuditEffect, AuditEvent } from './audit.ts'
import { readTopicPrints, readTopicRecords, type TopicAuditPorts } from './audit-reading.ts'
import { readTopicTimes } from './times-reading.ts'

export interface TopicAuditorPorts extends TopicAuditPorts {
  readonly log: Log
  readonly metrics: Metrics
}

/** Asks the brokers what the audit wants to know of topics; decides nothing. Every effect is answered. */
export class TopicAuditor {
  readonly #ports: TopicAuditorPorts

  constructor(ports: TopicAuditorPorts) {
    this.#ports = ports
  }

  async perform(effect: AuditEffect, send: (event: AuditEvent) => void): Promise<void> {
    const { log } = this.#ports
    try {
      send(await this.#answer(effect))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ runId: effect.runId, err: error }, `audit: ${effect.type} has no answer yet`)
      // A baseline is asked for again by itself.
      if (effect.type !== 'audit-baseline') send({ type: 'audit-trouble', runId: effect.runId, hop: effect.hop, reason })
    }
  }

  async #answer(effect: AuditEffect): Promise<AuditEvent> {
    const { runId } = effect
    switch (effect.type) {
      case 'audit-baseline': {
        const positions: Position[] = []
        for (const { hop, topic } of effect.of)
          for (const [partition, offset] of await this.#ends(topic)) positions.push({ hop, partition, offset })
        return { type: 'audit-baselined', runId, positions }
      }
      case 'audit-ends':
        return { type: 'audit-ends-seen', runId, hop: effect.hop, ends: await this.#ends(effect.topic), isLast: effect.isLast }
      case 'audit-prints': {
        const prints = await readTopicPrints(this.#ports, effect)
        this.#ports.metrics.add(
          'assay_checker_audited_total',
          prints.reduce((sum, one) => sum + sumCount(one.prints), 0),
        )
        return { type: 'audit-prints-read', runId, hop: effect.hop, prints }
      }
      case 'audit-records':
        return { type: 'audit-records-read', runId, hop: effect.hop, records: await readTopicRecords(this.#ports, effect) }
      case 'audit-times': {
        const times = await readTopicTimes(this.#ports, effect)
        this.#ports.metrics.add(
          'assay_checker_audited_total',
          times.windows.reduce((sum, { count }) => sum + count, 0),
        )
        return { type: 'audit-times-read', runId, hop: effect.hop, times }
      }
      default:
        return effect satisfies never
    }
  }

  async #ends(topic: string): Promise<Map<number, number>> {
    return new Map((await this.#ports.admin.topicOffsets(topic)).map(({ partition, high }) => [partition, high]))
  }
}
