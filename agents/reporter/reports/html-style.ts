/** The report's only style sheet. Contrast of text is at least 4.5 : 1 in both schemes. */
export const styleSheet = `
:root { color-scheme: light dark; --paper: #ffffff; --panel: #f5f6f8; --ink: #17202b; --soft: #55606d; --line: #d3d8de; --accent: #2f6fb2; --second: #8a5a00; --third: #6c4aa8;
  --good: #1d7440; --good-paper: #e5f4ea; --bad: #b3261e; --bad-paper: #fdeceb; --doubt: #8a5a00; --doubt-paper: #fdf3dd; --shade: rgba(179, 38, 30, 0.13) }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --panel: #1d232a; --ink: #e6eaef; --soft: #a3adb8; --line: #39424c; --accent: #6cabea; --second: #e0ad4f; --third: #b79cf0;
  --good: #67c98c; --good-paper: #16301f; --bad: #ff8d84; --bad-paper: #3d1b19; --doubt: #e8b758; --doubt-paper: #372a10; --shade: rgba(255, 141, 132, 0.2) } }
@media print { :root { color-scheme: light; --paper: #ffffff; --panel: #f5f6f8; --ink: #000000; --soft: #444444; --line: #bbbbbb; --accent: #2f6fb2; --second: #8a5a00; --third: #6c4aa8;
  --good: #1d7440; --good-paper: #e5f4ea; --bad: #b3261e; --bad-paper: #fdeceb; --doubt: #8a5a00; --doubt-paper: #fdf3dd; --shade: rgba(179, 38, 30, 0.13) }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact } main { max-width: none; padding: 0 } article, figure, tr, .drawing { break-inside: avoid } h2, h3 { break-after: avoid }
  details::details-content { content-visibility: visible; display: block; height: auto } summary { list-style: none } .scroll { overflow: visible } body { font-size: 10.5pt !important } table { font-size: 8pt !important } th, td { padding: 3px 6px 3px 0 } td code, th, .num { white-space: normal !important } td.wide { min-width: 0 !important } }
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100% }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif }
main { max-width: 1180px; margin: 0 auto; padding: 20px 20px 48px }
h1, h2, h3 { line-height: 1.25; margin: 0 } h1 { font-size: 1.5rem; overflow-wrap: anywhere } h2 { font-size: 1.2rem; margin: 2.2rem 0 0.7rem } h3 { font-size: 1rem; overflow-wrap: anywhere }
p, ul, ol, dl, pre { margin: 0.5rem 0 } ul.reasons { padding-left: 1.2rem } ul.reasons li { overflow-wrap: anywhere; margin: 0.15rem 0 }
a { color: var(--accent) } code, pre, kbd { font: 0.85em/1.45 ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace; overflow-wrap: anywhere }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; white-space: pre-wrap }
.soft { color: var(--soft) } .num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap } .none { color: var(--soft) }
header.verdict { border-left: 8px solid var(--line); border-radius: 6px; padding: 14px 18px } header .said { font-size: 0.95rem; overflow-wrap: anywhere; margin: 0.3rem 0 0 }
header.pass { background: var(--good-paper); border-color: var(--good) } header.fail { background: var(--bad-paper); border-color: var(--bad) } header.inconclusive { background: var(--doubt-paper); border-color: var(--doubt) }
.badge { display: inline-block; font-weight: 700; letter-spacing: 0.04em; text-transform: uppercase } .pass .badge { color: var(--good) } .fail .badge { color: var(--bad) } .inconclusive .badge { color: var(--doubt) }
.drawing { margin: 0.5rem 0 } .drawing svg { width: 100%; height: auto } .drawing svg.tall { max-width: 420px } svg.wide, svg.always { display: block } svg.tall { display: none }
.drawing rect { fill: var(--panel); stroke: var(--line); stroke-width: 1.5 } .drawing .ok rect { stroke: var(--good) } .drawing .bad rect { stroke: var(--bad); fill: var(--bad-paper); stroke-width: 2.5 } .drawing .doubt rect { stroke: var(--doubt); fill: var(--doubt-paper); stroke-dasharray: 5 3 }
.drawing .off rect { stroke-dasharray: 2 4 } .drawing text { fill: var(--ink); font: 13px system-ui, sans-serif } .drawing .kind, .drawing .time { fill: var(--soft); font-size: 12px } .drawing .name { font-weight: 600 } .drawing .count { font-variant-numeric: tabular-nums }
.drawing .found { font-weight: 600; fill: var(--soft) } .drawing .bad .found { fill: var(--bad) } .drawing .doubt .found { fill: var(--doubt) } .drawing .ok .found { fill: var(--good); font-weight: 400 } .drawing path { fill: none; stroke: var(--soft); stroke-width: 1.5 } .drawing .head { fill: var(--soft); stroke: none }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: 0.875rem } th, td { text-align: left; vertical-align: top; padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line) } th { color: var(--soft); font-weight: 600; white-space: nowrap } th.num { text-align: right }
td code { white-space: nowrap } td.wide { min-width: 12rem; overflow-wrap: anywhere } td.wide code { white-space: normal }
article { border: 1px solid var(--line); border-left: 5px solid var(--bad); border-radius: 6px; padding: 12px 14px; margin: 0.8rem 0 } article.explained { border-left-color: var(--line) }
summary { cursor: pointer; color: var(--accent); padding: 3px 0 } details { margin: 0.35rem 0 }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); gap: 14px } figure.over { margin-bottom: 0.7rem } figure { margin: 0; border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; min-width: 0 } figcaption { font-size: 0.875rem; overflow-wrap: anywhere } svg.chart { width: 100%; height: auto; font-family: system-ui, sans-serif }
.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 0.875rem } .key { width: 28px; height: 10px; display: inline-block }
dl.facts { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: 3px 18px; font-size: 0.9375rem } dl.facts dt { color: var(--soft) } dl.facts dd { margin: 0; overflow-wrap: anywhere; min-width: 0 }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 10px; color: var(--soft); font-size: 0.875rem; overflow-wrap: anywhere }
@media (max-width: 700px) { main { padding: 12px 12px 32px } svg.wide { display: none } svg.tall { display: block } h1 { font-size: 1.25rem } h2 { margin-top: 1.7rem } dl.facts { grid-template-columns: 1fr; gap: 0 } dl.facts dd { margin-bottom: 6px } header.verdict { padding: 10px 12px } }
`
