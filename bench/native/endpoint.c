/*
 * The other end of every client benchmark: a server that implements only the protocol, so that only the client is timed. It accepts any
 * CONNECT (3.1.1 and 5) and acknowledges all messages. If a client subscribes to "flood/QOS/COUNT/SIZE", it sends COUNT messages of this
 * QoS and size on the topic "bench/topic". Prints its port, then serves until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* One more than the highest file descriptor: several thousand clients. */
#define DESCRIPTORS 16384
#define IN_SIZE (1 << 20)

struct client {
  int fd;
  int writing; /* whether epoll waits for the socket to be writable */
  int version;
  uint8_t *in;
  size_t have;
  size_t skip; /* remaining bytes of a large PUBLISH to discard */
  uint8_t *out;
  size_t out_have, out_sent, out_size;
  long flood_left;
  int flood_qos;
  size_t flood_length;
  uint8_t *flood;
  uint16_t next_id;
  long unacknowledged;
};

static struct client *clients[DESCRIPTORS];

static void put(struct client *c, const void *bytes, size_t length) {
  if (c->out_have + length > c->out_size) {
    c->out_size = (c->out_have + length) * 2;
    c->out = realloc(c->out, c->out_size);
  }
  memcpy(c->out + c->out_have, bytes, length);
  c->out_have += length;
}

static size_t put_length(uint8_t *at, size_t value) {
  size_t n = 0;
  do {
    uint8_t byte = value & 127;
    value >>= 7;
    at[n++] = value ? byte | 128 : byte;
  } while (value);
  return n;
}

static void begin_flood(struct client *c, const char *filter) {
  long count;
  size_t size;
  int qos;
  if (sscanf(filter, "flood/%d/%ld/%zu", &qos, &count, &size) != 3) return;
  const char *topic = "bench/topic";
  size_t body = 2 + strlen(topic) + (qos ? 2 : 0) + (c->version == 5 ? 1 : 0) + size;
  free(c->flood);
  c->flood = calloc(1, body + 5);
  size_t at = 0;
  c->flood[at++] = 0x30 | (qos << 1);
  at += put_length(c->flood + at, body);
  c->flood[at++] = 0;
  c->flood[at++] = strlen(topic);
  memcpy(c->flood + at, topic, strlen(topic));
  c->flood_length = at + body - 2;
  c->flood_left = count;
  c->flood_qos = qos;
  c->next_id = 1;
}

static void more_flood(struct client *c) {
  while (c->flood_left > 0 && c->out_have - c->out_sent < 262144) {
    if (c->flood_qos) {
      if (c->unacknowledged >= 1000) return;
      /* the identifier follows the topic */
      size_t header = 1;
      while (c->flood[header++] & 128) {}
      size_t id_at = header + 2 + 11;
      c->flood[id_at] = c->next_id >> 8;
      c->flood[id_at + 1] = c->next_id;
      c->next_id = c->next_id == 65535 ? 1 : c->next_id + 1;
      c->unacknowledged++;
    }
    put(c, c->flood, c->flood_length);
    c->flood_left--;
  }
}

static void packet(struct client *c, uint8_t first, const uint8_t *body, size_t length) {
  switch (first >> 4) {
    case 1: {
      c->version = body[6];
      uint8_t connack[] = {0x20, c->version == 5 ? 3 : 2, 0, 0, 0};
      put(c, connack, c->version == 5 ? 5 : 4);
      break;
    }
    case 3: {
      int qos = (first >> 1) & 3;
      if (qos == 0) break;
      size_t topic = (body[0] << 8) | body[1];
      uint8_t ack[] = {qos == 1 ? 0x40 : 0x50, 2, body[2 + topic], body[3 + topic]};
      put(c, ack, 4);
      break;
    }
    case 4:
      c->unacknowledged--;
      break;
    case 5: {
      uint8_t pubrel[] = {0x62, 2, body[0], body[1]};
      put(c, pubrel, 4);
      break;
    }
    case 6: {
      uint8_t pubcomp[] = {0x70, 2, body[0], body[1]};
      put(c, pubcomp, 4);
      break;
    }
    case 7:
      c->unacknowledged--;
      break;
    case 8: {
      size_t at = 2 + (c->version == 5 ? 1 + body[2] : 0);
      static uint8_t codes[65536];
      size_t filters = 0;
      char first_filter[256] = {0};
      while (at + 3 <= length && filters < sizeof codes) {
        size_t n = (body[at] << 8) | body[at + 1];
        if (filters == 0) memcpy(first_filter, body + at + 2, n < 255 ? n : 255);
        codes[filters++] = body[at + 2 + n] & 3;
        at += 3 + n;
      }
      int v5 = c->version == 5;
      uint8_t header[5] = {0x90};
      put(c, header, 1 + put_length(header + 1, 2 + v5 + filters));
      uint8_t identifier[] = {body[0], body[1], 0};
      put(c, identifier, 2 + v5);
      put(c, codes, filters);
      begin_flood(c, first_filter);
      break;
    }
    case 10: {
      uint8_t unsuback[] = {0xb0, c->version == 5 ? 4 : 2, body[0], body[1], 0, 0};
      put(c, unsuback, c->version == 5 ? 6 : 4);
      break;
    }
    case 12: {
      uint8_t pingresp[] = {0xd0, 0};
      put(c, pingresp, 2);
      break;
    }
  }
}

/* Returns 0 if the client has disconnected. */
static int receive(struct client *c) {
  ssize_t got = read(c->fd, c->in + c->have, IN_SIZE - c->have);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return 0;
  if (got < 0) return 1;
  c->have += got;
  size_t at = 0;
  if (c->skip) {
    size_t n = c->skip < c->have ? c->skip : c->have;
    c->skip -= n;
    at = n;
  }
  while (c->have - at >= 2) {
    size_t length = 0, header = 1;
    int shift = 0, whole = 0;
    while (at + header < c->have && header < 5) {
      uint8_t byte = c->in[at + header++];
      length |= (size_t)(byte & 127) << shift;
      shift += 7;
      if (!(byte & 128)) {
        whole = 1;
        break;
      }
    }
    if (!whole) break;
    size_t there = c->have - at - header;
    if (there < length) {
      /* only the beginning of a large PUBLISH is needed */
      if ((c->in[at] >> 4) == 3 && there >= 1024) {
        packet(c, c->in[at], c->in + at + header, length);
        c->skip = length - there;
        at = c->have;
      }
      break;
    }
    if (c->in[at] == 0xe0) return 0;
    packet(c, c->in[at], c->in + at + header, length);
    at += header + length;
  }
  memmove(c->in, c->in + at, c->have - at);
  c->have -= at;
  return 1;
}

static int transmit(struct client *c) {
  for (;;) {
    more_flood(c);
    if (c->out_sent == c->out_have) {
      c->out_sent = c->out_have = 0;
      return 1;
    }
    ssize_t sent = write(c->fd, c->out + c->out_sent, c->out_have - c->out_sent);
    if (sent < 0) return errno == EAGAIN;
    c->out_sent += sent;
    if (c->out_sent == c->out_have) c->out_sent = c->out_have = 0;
  }
}

static void admit(int poller, int listener) {
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) return;
    if (fd >= DESCRIPTORS) {
      close(fd);
      continue;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    clients[fd] = calloc(1, sizeof *clients[fd]);
    clients[fd]->fd = fd;
    clients[fd]->in = malloc(IN_SIZE);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
  }
}

static void dismiss(struct client *c) {
  close(c->fd);
  clients[c->fd] = NULL;
  free(c->in);
  free(c->out);
  free(c->flood);
  free(c);
}

static void serve(int poller, struct client *c, uint32_t events) {
  int alive = 1;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = receive(c);
  if (alive) alive = transmit(c);
  if (!alive) {
    dismiss(c);
    return;
  }
  int writing = c->out_have > c->out_sent;
  if (writing == c->writing) return;
  c->writing = writing;
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.fd = c->fd};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* ends with the run, even if that is killed */
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1024)) return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  fcntl(listener, F_SETFL, O_NONBLOCK);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  int poller = epoll_create1(0);
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
  for (;;) {
    struct epoll_event events[64];
    int n = epoll_wait(poller, events, 64, -1);
    if (n < 0 && errno != EINTR) return 1;
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) admit(poller, listener);
      else if (clients[fd]) serve(poller, clients[fd], events[i].events);
    }
  }
}
