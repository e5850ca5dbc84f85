// client.php port concurrent fresh: what client.py does over TLS, with PHP, which
// opens a connection for each request. One after the other. Run by php -r.
$port = $argv[1];
$context = stream_context_create([
    'http' => ['ignore_errors' => true, 'follow_location' => 0, 'protocol_version' => 1.1],
    'ssl' => ['cafile' => getenv('TLS_CERT')],
    'socket' => ['tcp_nodelay' => true],
]);
$results = [];
foreach (json_decode(stream_get_contents(STDIN)) as $path) {
    file_get_contents("https://127.0.0.1:$port$path", false, $context);
    [, $status] = explode(' ', $http_response_header[0]);
    $results[] = ['Path' => $path, 'Status' => (int)$status];
}
echo json_encode($results), "\n";
