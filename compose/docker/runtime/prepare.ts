import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { bucketAnswers, putConnector, type ProbeAnswer } from '../../local/probes.ts'
import { sinkSettings } from '../../services/settings.ts'

/** One of the two things the pipeline needs besides topics and schemas: the bucket, or the sink's connector. Ends when it is there. */
const ATTEMPTS_MAX = 60
const RETRY_MS = 1_000

const settings = z
  .object({
    PREPARE_WHAT: z.enum(['bucket', 'sink']),
    PIPELINE_CATALOG_URL: z.url(),
    PIPELINE_S3_ENDPOINT: z.url(),
    PIPELINE_S3_REGION: z.string().min(1),
    PIPELINE_S3_ACCESS_KEY: z.string().min(1),
    PIPELINE_S3_SECRET_KEY: z.string().min(1),
    PIPELINE_CONNECT_URL: z.url(),
    // Without the path of its Confluent API, which the sink does not use.
    SINK_REGISTRY_URL: z.url(),
  })
  .parse(process.env)

const s3 = { region: settings.PIPELINE_S3_REGION, accessKey: settings.PIPELINE_S3_ACCESS_KEY, secretKey: settings.PIPELINE_S3_SECRET_KEY }
const addresses = {
  s3: settings.PIPELINE_S3_ENDPOINT,
  registry: settings.SINK_REGISTRY_URL,
  catalog: settings.PIPELINE_CATALOG_URL,
}

const attempts: Record<typeof settings.PREPARE_WHAT, () => Promise<ProbeAnswer>> = {
  bucket: () => bucketAnswers(addresses.s3, s3),
  sink: () => putConnector(settings.PIPELINE_CONNECT_URL, sinkSettings(addresses, s3)),
}

let answer: ProbeAnswer = { not: 'not tried' }
for (let attempt = 1; attempt <= ATTEMPTS_MAX && answer !== 'ok'; attempt++) {
  answer = await attempts[settings.PREPARE_WHAT]()
  if (answer !== 'ok') await sleep(RETRY_MS)
}
process.stdout.write(`${settings.PREPARE_WHAT}: ${answer === 'ok' ? 'is there' : answer.not}\n`)
if (answer !== 'ok') process.exitCode = 1
