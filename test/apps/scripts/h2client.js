// client.js by HTTP/2 over TLS: all requests on one connection, unless fresh is true.
const fs = require('fs')
const http2 = require('http2')

const [port, concurrent, fresh] = [Number(process.argv[1]), Number(process.argv[2]), process.argv[3] === 'true']
const results = []

function connect () {
  return http2.connect(`https://127.0.0.1:${port}`, { ca: fs.readFileSync(process.env.TLS_CERT) })
}

function get (session, path) {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': path })
    let status
    stream.on('response', (headers) => { status = headers[':status'] })
    stream.on('error', reject)
    stream.on('end', () => {
      results.push({ Path: path, Status: status })
      resolve()
    })
    stream.resume()
    stream.end()
  })
}

async function main () {
  const paths = JSON.parse(fs.readFileSync(0))
  const shared = fresh ? null : connect()
  await Promise.all(Array.from({ length: concurrent }, async () => {
    while (paths.length > 0) {
      const path = paths.shift()
      const session = shared || connect()
      await get(session, path)
      if (fresh) session.close()
    }
  }))
  if (shared) shared.close()
  console.log(JSON.stringify(results))
}

main()
