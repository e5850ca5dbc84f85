// client.js port concurrent fresh: sends GETs to the paths of its standard
// input, a JSON list, and prints a list of {"Path", "Status"}. Connections are
// kept in an agent, unless fresh is true. The variable TLS_CERT, a file of
// certificates to trust, makes it speak TLS.
const fs = require('fs')
const http = require(process.env.TLS_CERT ? 'https' : 'http')
const trust = process.env.TLS_CERT ? { ca: fs.readFileSync(process.env.TLS_CERT) } : {}

const [port, concurrent, fresh] = [Number(process.argv[1]), Number(process.argv[2]), process.argv[3] === 'true']
const agent = new http.Agent({ keepAlive: !fresh, maxSockets: concurrent, ...trust })
const results = []

function get (path) {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path, agent }, (response) => {
      response.resume()
      response.on('end', () => {
        results.push({ Path: path, Status: response.statusCode })
        resolve()
      })
    }).on('error', reject)
  })
}

async function main () {
  const paths = JSON.parse(fs.readFileSync(0))
  await Promise.all(Array.from({ length: concurrent }, async () => {
    while (paths.length > 0) await get(paths.shift())
  }))
  agent.destroy()
  console.log(JSON.stringify(results))
}

main()
