// Answers /s/{status}/... on the port of its first argument until its standard
// input ends; then it prints how often it answered each "METHOD path status".
const http = require('http')

const counts = {}
const server = http.createServer((request, response) => {
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
