"""How a report looks, on the screen and on paper."""

STYLE = """\
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; color: #1c2430; background: #fff;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 0.8rem; padding-bottom: 0.25rem; border-bottom: 2px solid #d5dbe3; font-size: 1.35rem; }
header p { margin: 0.2rem 0 1rem; color: #55606f; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; margin: 0; padding: 0.6rem 0.9rem; list-style: none;
         background: #f3f5f8; border-radius: 6px; font-size: 0.92rem; }
a { color: #15588f; text-decoration: none; }
a:hover { text-decoration: underline; }
.verdict { margin: 0.7rem 0; padding: 0.6rem 0.9rem; border-left: 6px solid; border-radius: 4px;
           overflow-wrap: anywhere; }
.verdict ul { margin: 0.3rem 0 0; padding-left: 1.2rem; }
.verdict.good { border-color: #2c8a4b; background: #eaf6ee; }
.verdict.bad { border-color: #c0261c; background: #fcebe9; color: #7d120b; }
.verdict.note { border-color: #c98a00; background: #fdf5e2; }
.wide { overflow-x: auto; margin: 0.8rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
caption { padding: 0.3rem 0; text-align: left; color: #55606f; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid #e3e7ed; text-align: left; vertical-align: top; }
th { border-bottom: 2px solid #b9c2ce; background: #f3f5f8; }
tr.bad td { background: #fcebe9; color: #7d120b; }
tr.note td { background: #fdf5e2; }
tr.good td:nth-child(2) { color: #1d6b38; }
figure { margin: 1.2rem 0; }
img { display: block; max-width: 100%; height: auto; }
figcaption { margin-top: 0.3rem; color: #55606f; font-size: 0.88rem; }
pre { margin: 0.8rem 0; padding: 0.8rem; background: #f6f7f9; border-radius: 6px; font-size: 0.78rem; line-height: 1.4;
      white-space: pre-wrap; overflow-wrap: anywhere; }
@page { size: A4; margin: 14mm 13mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav { display: none; }
  h2 { break-after: avoid; margin-top: 1.2rem; }
  figure, tr, .verdict { break-inside: avoid; }
  img { max-height: 225mm; margin: 0 auto; }
  thead { display: table-header-group; }
  .wide { overflow: visible; }
  table { font-size: 8pt; }
  th, td { padding: 0.15rem 0.35rem; overflow-wrap: anywhere; }
  pre { font-size: 7pt; }
  .verdict, th, tr.bad td, tr.note td { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
