// A bare socket.io server: what is posted is emitted to every socket. Nothing is stored.
const http = require("node:http");
const { Server } = require("socket.io");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    io.emit("event", Buffer.concat(parts).toString());
    response.end("ok");
  });
});
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false });
server.listen(Number(process.argv[2]), "127.0.0.1");
