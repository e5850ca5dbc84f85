// Looks names up, one after the other, with dns.lookup (the C library) or with
// dns.resolve4 (c-ares) when the first argument says so, and prints the results.
const dns = require("dns").promises;
const [how, ...names] = process.argv.slice(1);

async function main() {
  const results = [];
  for (const name of names) {
    const begin = process.hrtime.bigint();
    let addresses = [], error = "";
    try {
      addresses = how === "lookup" ? (await dns.lookup(name, { all: true })).map((a) => a.address) : await dns.resolve4(name);
    } catch (e) {
      error = String(e.code);
    }
    results.push({ Name: name, Addresses: addresses, Err: error, Took: Number(process.hrtime.bigint() - begin) });
  }
  console.log(JSON.stringify(results));
}
main();
