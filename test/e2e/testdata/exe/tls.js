// Talks to itself over TLS, and says how many bytes it has moved.
const tls = require("tls"), fs = require("fs");
const [cert, key] = process.argv.slice(2).map((f) => fs.readFileSync(f));
let moved = 0, left = 20;
const server = tls.createServer({ cert, key }, (s) => s.on("data", (b) => { moved += b.length; s.write(b); }));
server.listen(0, "127.0.0.1", () => {
  console.log("ready");
  process.stdin.once("data", () => {
    for (let i = 0; i < 20; i++) talk(1 + i * i * 100);
  });
});
function talk(size) {
  const c = tls.connect({ port: server.address().port, rejectUnauthorized: false }, () => c.write(Buffer.alloc(size)));
  let got = 0;
  c.on("data", (b) => {
    moved += b.length;
    if ((got += b.length) === size) { c.end(); if (--left === 0) console.log(`moved ${moved}\ndone`); }
  });
}
