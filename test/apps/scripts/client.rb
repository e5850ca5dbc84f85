# client.rb port concurrent fresh: what client.py does, with Ruby.
require 'json'
require 'net/http'
require 'openssl'

port, concurrent, fresh = ARGV[0].to_i, ARGV[1].to_i, ARGV[2] == 'true'
paths = JSON.parse($stdin.read)
results = Queue.new
open = lambda do |&work|
  http = Net::HTTP.new('127.0.0.1', port, nil)
  http.use_ssl = ENV.key?('TLS_CERT')
  http.ca_file = ENV['TLS_CERT']
  http.start(&work)
end
get = ->(http, path) { results << { Path: path, Status: http.request_get(path).code.to_i } }
threads = paths.each_slice((paths.size + concurrent - 1) / concurrent).map do |mine|
  Thread.new do
    if fresh
      mine.each { |path| open.call { |http| get.call(http, path) } }
    else
      open.call { |http| mine.each { |path| get.call(http, path) } }
    end
  end
end
threads.each(&:join)
puts JSON.generate(Array.new(results.size) { results.pop })
