// Answers /s/{status}/... on the port of its first argument until its standard
// input ends; then it prints how often it answered each "METHOD path status".
// The variables TLS_CERT, TLS_KEY and TLS_VERSION (1.2 or 1.3) make it speak TLS.
const fs = require('fs')


const counts = {}
function answer (request, response) {
  const status = Number(request.url.split('/')[2])
  response.on('finish', () => {
    const key = `${request.method} ${request.url} ${status}`
    counts[key] = (counts[key] || 0) + 1
  })
  response.writeHead(status)
  response.end(status === 204 ? '' : `status ${status}\n`)
}

const { TLS_CERT, TLS_KEY, TLS_VERSION } = process.env
const version = 'TLSv' + TLS_VERSION
const server = TLS_CERT
  ? require('https').createServer({
    cert: fs.readFileSync(TLS_CERT), key: fs.readFileSync(TLS_KEY), minVersion: version, maxVersion: version
  }, answer)
  : require('http').createServer(answer)
server.listen({ port: Number(process.argv[1]), host: '127.0.0.1', backlog: 256 })
process.stdin.resume()
process.stdin.on('end', () => {
  process.stdout.write(JSON.stringify(counts) + '\n', () => process.exit(0))
})
