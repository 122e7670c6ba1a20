// report makes k6's handleSummary: a short text for people, and the figures in
// loadtest/results/NAME.json, or in the folder that OUT names.
export function report(name, options) {
  return (data) => {
    const figures = {};
    for (const [metric, m] of Object.entries(data.metrics).sort()) {
      if (kept.test(metric)) figures[metric] = m.values;
    }
    const thresholds = {};
    for (const [metric, m] of Object.entries(data.metrics).sort()) {
      for (const [rule, t] of Object.entries(m.thresholds || {})) thresholds[`${metric}: ${rule}`] = t.ok;
    }
    const result = { name, at: new Date().toISOString(), options, seconds: data.state.testRunDurationMs / 1000, figures, thresholds };
    return {
      [`${__ENV.OUT || 'loadtest/results'}/${name}.json`]: JSON.stringify(result, null, 2) + '\n',
      stdout: summary(result, data),
    };
  };
}

const kept = /^(small_import_ms|small_alone_ms|small_beside_ms|small_beside_whales|slowdown|slowdown_median|whale_seconds|whale_rows_per_second|upload_resumes|rows_checked|imports_checked|checks|http_reqs|http_req_failed|http_req_duration)(\{|$)/;

function summary(result, data) {
  const lines = [`${result.name}: ${result.seconds.toFixed(1)} s`];
  for (const [metric, values] of Object.entries(result.figures)) {
    lines.push(`  ${metric}: ${Object.entries(values).sort().map(([k, v]) => `${k}=${Math.round(v * 1000) / 1000}`).join(' ')}`);
  }
  for (const c of failedChecks(data.root_group)) lines.push(`  FAILED CHECK ${c.name}: ${c.fails} of ${c.fails + c.passes}`);
  for (const [rule, ok] of Object.entries(result.thresholds)) lines.push(`  ${ok ? 'ok    ' : 'MISSED'} ${rule}`);
  return lines.join('\n') + '\n';
}

const failedChecks = (group) => (group.checks || []).filter((c) => c.fails > 0);
