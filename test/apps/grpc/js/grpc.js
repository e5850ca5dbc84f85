// What ../plan.go says, with grpc-js: node grpc.js server|client address [certificate [key]]
const fs = require('fs');
const grpc = require('@grpc/grpc-js');

const same = (b) => b;
const methodsOf = (names, streams) => Object.fromEntries(names.map((name) => [name, {
  path: '/test.Echo/' + name, ...streams,
  requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
}]));
const now = () => performance.timeOrigin + performance.now(); // Unix time, milliseconds
const statusName = Object.fromEntries(Object.entries(grpc.status).map(([name, code]) => [code, name]));
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const large = { 'grpc.max_receive_message_length': -1 };

const records = [];
function begin(method) {
  const begun = now();
  const r = { Method: method, Start: Math.round(begun * 1e6), Sent: 0, Received: 0 };
  return [r, (code) => {
    if (r.Status) return;
    r.Status = statusName[code];
    r.Duration = Math.round((now() - begun) * 1e6);
    records.push(r);
  }];
}

async function answer(method, call) {
  const [r, end] = begin(method);
  let plan, gone = false;
  call.on('cancelled', () => { gone = true; end(grpc.status.CANCELLED); });
  const send = async () => {
    await sleep(plan.Sleep);
    if (gone) return;
    call.write(Buffer.alloc(plan.Size));
    r.Sent++;
  };
  let turn = Promise.resolve(); // one message after the other
  call.on('data', (m) => {
    turn = turn.then(() => {
      if (r.Received++ === 0) plan = JSON.parse(m);
      return plan.Turns ? send() : undefined;
    });
  });
  await new Promise((ended) => call.on('end', ended));
  await turn;
  for (let i = 0; i < plan.Receive && !gone; i++) await send();
  if (!plan.Receive && !plan.Turns) await sleep(plan.Sleep);
  if (gone) return;
  if (plan.Status) call.emit('error', { code: plan.Status, details: 'as asked' });
  else call.end();
  end(plan.Status);
}

// server answers the methods its input names in its first line.
function server(address, certificate, key) {
  const s = new grpc.Server({ 'grpc-node.max_session_memory': 100, ...large });
  const credentials = certificate
    ? grpc.ServerCredentials.createSsl(null, [{ cert_chain: fs.readFileSync(certificate), private_key: fs.readFileSync(key) }])
    : grpc.ServerCredentials.createInsecure();
  const lines = require('readline').createInterface({ input: process.stdin });
  lines.once('line', (line) => {
    const names = JSON.parse(line);
    s.addService(methodsOf(names, { requestStream: true, responseStream: true }),
      Object.fromEntries(names.map((name) => [name, (call) => answer(name, call)])));
    s.bindAsync(address, credentials, (err) => {
      if (err) throw err;
      console.log(address);
    });
  });
  lines.once('close', () => {
    console.log(JSON.stringify(records));
    process.exit(0);
  });
}

function message(call, i) {
  if (i > 0) return Buffer.alloc(call.Size);
  return Buffer.from(JSON.stringify({ ...call.Plan, Pad: 'p'.repeat(call.Size) }));
}

function make(client, call) {
  return new Promise((done) => {
    const metadata = new grpc.Metadata();
    if (call.Metadata) metadata.set('x-large', 'm'.repeat(call.Metadata));
    const options = call.Deadline ? { deadline: Date.now() + call.Deadline } : {};
    const [r, end] = begin(call.Method);
    const finish = (code) => { end(code); done(); };
    const onReply = (err, reply) => {
      if (reply) r.Received++;
      finish(err ? err.code : 0);
    };
    const path = '/test.Echo/' + call.Method;
    let c;
    switch (call.Kind) {
      case 'unary':
        r.Sent++;
        c = client.makeUnaryRequest(path, same, same, message(call, 0), metadata, options, onReply);
        break;
      case 'client':
        c = client.makeClientStreamRequest(path, same, same, metadata, options, onReply);
        break;
      case 'server':
        r.Sent++;
        c = client.makeServerStreamRequest(path, same, same, message(call, 0), metadata, options);
        break;
      default:
        c = client.makeBidiStreamRequest(path, same, same, metadata, options);
    }
    if (call.Cancel) setTimeout(() => c.cancel(), call.Cancel);
    const write = () => { c.write(message(call, r.Sent)); r.Sent++; };
    if (call.Kind === 'server' || call.Kind === 'bidi') {
      c.on('data', () => {
        r.Received++;
        if (!call.Plan.Turns) return;
        if (r.Sent < call.Send) write();
        else c.end();
      });
      c.on('error', () => {});
      c.on('status', (s) => finish(s.code));
    }
    if (call.Kind === 'bidi' && call.Plan.Turns) return write();
    if (call.Kind === 'client' || call.Kind === 'bidi') {
      while (r.Sent < call.Send) write();
      c.end();
    }
  });
}

async function client(address, certificate) {
  const credentials = certificate
    ? grpc.credentials.createSsl(fs.readFileSync(certificate)) : grpc.credentials.createInsecure();
  const options = certificate ? { 'grpc.ssl_target_name_override': 'localhost', ...large } : large;
  const c = new grpc.Client(address, credentials, options);
  for (const list of JSON.parse(fs.readFileSync(0))) await Promise.all(list.map((call) => make(c, call)));
  c.close();
  console.log(JSON.stringify(records));
}

const [what, address, certificate, key] = process.argv.slice(2);
({ server, client })[what](address, certificate, key);
