#!/usr/bin/env node
// CommonJS (see package.json beside it): it loads in half the time that a module takes, and an old Node reads it too, so that
// it is told what it lacks instead of a syntax error.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`mcp-bridge needs Node 20.19 or newer; this is ${process.version}. Install a newer Node.`);
  process.exit(1);
}
load().main(process.argv.slice(2));

function load() {
  try {
    return require('../dist/main.cjs');
  } catch (error) {
    console.error(`mcp-bridge is not built: run npm run build. (${error.message})`);
    process.exit(1);
  }
}
