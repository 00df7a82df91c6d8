import type { grafanaVariables } from './data-sources.ts'

const CONTACT_POINT = 'assay-webhook'
const webhookUrl: keyof typeof grafanaVariables = 'ASSAY_GRAFANA_WEBHOOK_URL'

/** Where alerts go: a webhook, told also when they are over. */
export const contactPoints = {
  apiVersion: 1,
  contactPoints: [
    {
      orgId: 1,
      name: CONTACT_POINT,
      receivers: [
        {
          uid: 'assay-webhook',
          type: 'webhook',
          disableResolveMessage: false,
          settings: { url: `\${${webhookUrl}}`, httpMethod: 'POST', maxAlerts: '100' },
        },
      ],
    },
  ],
} as const

/** One message an alert, soon; what pages is repeated sooner. The watchdog is for Alertmanager's dead-man, and silent here. */
export const notificationPolicies = {
  apiVersion: 1,
  policies: [
    {
      orgId: 1,
      receiver: CONTACT_POINT,
      group_by: ['grafana_folder', 'alertname'],
      group_wait: '5s',
      group_interval: '1m',
      repeat_interval: '4h',
      routes: [{ receiver: CONTACT_POINT, object_matchers: [['severity', '=', 'critical']], group_wait: '5s', repeat_interval: '1h' }],
    },
  ],
} as const
