#!/usr/bin/env node
// Written so that any Node can parse it: an old one is told what it lacks instead of a syntax error.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 20 || (version[0] === 20 && version[1] < 19)) {
  console.error('mcp-bridge needs Node 20.19 or newer; this is ' + process.version + '. Install a newer Node.');
  process.exit(1);
}
import('../dist/main.js').then(
  function (main) {
    return main.main(process.argv.slice(2));
  },
  function (error) {
    console.error('mcp-bridge is not built: run npm run build. (' + error.message + ')');
    process.exit(1);
  },
);
