/** Light and dark as the reader's system wants it; nothing is loaded from anywhere. */
export const STYLE = `
:root { color-scheme: light dark; --page: #fff; --ink: #1b2430; --faint: #687487; --line: #dfe4ea; --card: #f5f7f9;
  --serving: #3b82c4; --wanted: #b9d6ee; --answered: #9aa8b8; --failed: #d92d3a; --band: rgba(217,45,58,.13);
  --good: #1a7f4b; --bad: #c9202e; --heal: #1a7f4b; --count: #fff; }
@media (prefers-color-scheme: dark) { :root { --page: #12171e; --ink: #e4e9ef; --faint: #94a1b2; --line: #2b3440;
  --card: #1a212b; --serving: #4b93d6; --wanted: #27466a; --answered: #64748a; --failed: #ff5c66;
  --band: rgba(255,92,102,.2); --good: #4cc38a; --bad: #ff6b74; --heal: #4cc38a; --count: #0d1218; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
header { display: flex; gap: 14px; align-items: center; flex-wrap: wrap; }
h1 { font-size: 26px; margin: 0; }
h2 { font-size: 17px; margin: 34px 0 8px; }
.verdict { padding: 2px 12px; border-radius: 12px; color: var(--page); font-weight: 600; }
.verdict.passed { background: var(--good); } .verdict.failed { background: var(--bad); }
.about { color: var(--faint); margin: 8px 0 18px; max-width: 75ch; }
.cards { display: flex; gap: 12px; flex-wrap: wrap; }
.card { background: var(--card); border-radius: 8px; padding: 10px 16px; min-width: 118px; }
.card b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.card span { color: var(--faint); font-size: 13px; }
.card.bad b { color: var(--bad); }
figure { margin: 30px 0 0; } figcaption { font-size: 17px; font-weight: 600; margin-bottom: 8px; }
.wide { overflow-x: auto; } svg { display: block; width: 100%; min-width: 760px; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .serving, .legend .serving { fill: var(--serving); background: var(--serving); }
svg .wanted, .legend .wanted { fill: var(--wanted); background: var(--wanted); }
svg .answered, .legend .answered { fill: var(--answered); background: var(--answered); }
svg .failed, .legend .failed { fill: var(--failed); background: var(--failed); }
svg .band, .legend .band { fill: var(--band); background: var(--band); }
svg .label { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
svg .host { font-weight: 600; } svg .unit, svg .tick { fill: var(--faint); } svg .count { fill: var(--count); font-weight: 600; } svg .count.low { fill: var(--ink); }
svg .grid { stroke: var(--line); } svg .base { stroke: var(--faint); }
svg .mark { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 3 3; }
svg .mark.struck { stroke: var(--failed); stroke-dasharray: none; stroke-width: 2; } svg .label.struck { fill: var(--bad); font-weight: 600; }
svg .mark.healing { stroke: var(--heal); stroke-dasharray: none; } svg .label.healing { fill: var(--heal); font-weight: 600; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 0; margin: 14px 0 0; color: var(--faint); font-size: 13px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 6px; vertical-align: -1px; }
section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 470px), 1fr)); gap: 0 40px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td { padding: 4px 22px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.good { color: var(--good); } td.bad { color: var(--bad); } td.good, td.bad, td.open { padding-right: 10px; width: 22px; }
details { margin-top: 34px; } summary { cursor: pointer; color: var(--faint); }
details td { font-size: 13px; } details td:first-child { color: var(--faint); text-align: right; white-space: nowrap; }
`;
