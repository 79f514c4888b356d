// Medians and percentiles.

export function median(values) {
  return percentile(values, 50);
}

/** Nearest rank; the middle two are averaged for the median of an even number of values. */
export function percentile(values, percent) {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  const rank = (percent / 100) * sorted.length;
  if (percent === 50 && Number.isInteger(rank)) return (sorted[rank - 1] + sorted[rank]) / 2;
  return sorted[Math.ceil(rank) - 1];
}
