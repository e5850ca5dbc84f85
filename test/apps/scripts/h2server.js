// server.js by HTTP/2, and by HTTP/1.1 to who does not speak it, over TLS.
const fs = require('fs')
const { TLS_CERT, TLS_KEY, TLS_VERSION } = process.env

const counts = {}
const version = 'TLSv' + TLS_VERSION
const server = require('http2').createSecureServer({
  allowHTTP1: true, cert: fs.readFileSync(TLS_CERT), key: fs.readFileSync(TLS_KEY), minVersion: version, maxVersion: version
}, (request, response) => {
  const status = Number(request.url.split('/')[2])
  response.on('finish', () => {
    const key = `${request.method} ${request.url} ${status}`
    counts[key] = (counts[key] || 0) + 1
  })
  response.writeHead(status)
  response.end(status === 204 ? '' : `status ${status}\n`)
})
server.listen({ port: Number(process.argv[1]), host: '127.0.0.1', backlog: 256 })
process.stdin.resume()
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify(counts) + '\n', () => process.exit(0))
})
