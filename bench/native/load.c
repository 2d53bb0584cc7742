/*
 * The clients of a broker under test: publishers and subscribers that implement only the protocol (MQTT 3.1.1), so that only the broker is
 * timed. Acknowledges QoS 1 and 2 in both directions. Each publisher has a window: it publishes again when its messages have arrived.
 * Runs for a fixed time and prints one line of JSON. Processor time is that of the broker's process, from /proc.
 *
 * Arguments: PORT PID WORK, with WORK one of
 *   relay/PUBLISHERS/SUBSCRIBERS/TOPICS/QOS/SIZE/WINDOW/MILLISECONDS       as fast as the windows allow
 *   latency/PUBLISHERS/SUBSCRIBERS/TOPICS/QOS/SIZE/RATE/MILLISECONDS      at RATE messages a second, which the broker should sustain
 *   retain/COUNT/SIZE                                                      publishes retained messages, then receives all of them
 *   idle/COUNT/MILLISECONDS                                                connections that do nothing; the memory after this time
 * Before WORK, `stored/` means that the sessions of the subscribers outlive their connections.
 *
 * Publisher P publishes to topic P modulo TOPICS, or to all topics in turn if TOPICS exceeds PUBLISHERS. Subscriber S has topic S modulo
 * TOPICS, or all topics if TOPICS exceeds SUBSCRIBERS.
 */
#define _GNU_SOURCE
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The whole program ends after this many seconds, whatever the broker does. */
#define TIME_LIMIT 55
#define IN_SIZE (1 << 18)
/* Payloads start with the number of their publisher and the time at which they were due. */
#define STAMP 12
/* The highest latency that is told apart, in microseconds; and the width of a step. */
#define LATENCIES 1000000
#define STEP 4

struct connection {
  int fd;
  int publisher; /* its number; -1 for a subscriber */
  int writing;   /* whether epoll waits for the socket to be writable */
  int due;       /* whether it is in the list of connections to flush */
  int answered;  /* CONNACK and SUBACK that have arrived */
  uint8_t *in;   /* the start of an incomplete packet */
  size_t have;
  uint8_t *out;
  size_t out_have, out_sent, out_size;
  uint16_t next_id;
  long sent, acknowledged, delivered; /* of a publisher; `delivered` counts each subscriber's copy */
  long next_topic;
};

static int epoll;
static int stored;
static int port;
static long pid;
static struct connection **all;
static int count;
static struct connection **due;
static int due_count;
static int publishers, subscribers, topics, qos;
static size_t size;
static long window, copies;
static int paced;
static uint8_t scratch[IN_SIZE * 2];
static long received, retained_seen;
static uint32_t *latencies;
static int recording;

static void fail(const char *what) {
  fprintf(stderr, "Error: %s: %s\n", what, errno ? strerror(errno) : "the broker closed the connection");
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* Seconds of processor time that all threads of the broker have used. */
static double processor(void) {
  char name[64], line[1024];
  snprintf(name, sizeof name, "/proc/%ld/stat", pid);
  FILE *file = fopen(name, "r");
  if (!file) return 0;
  size_t length = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[length] = 0;
  unsigned long user = 0, system = 0;
  char *rest = strrchr(line, ')');
  if (rest) sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

/* Resident kilobytes of the broker. */
static double resident(void) {
  char name[64];
  long pages = 0;
  snprintf(name, sizeof name, "/proc/%ld/statm", pid);
  FILE *file = fopen(name, "r");
  if (!file) return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024.0);
}

static uint8_t *room(struct connection *c, size_t length) {
  if (c->out_have + length > c->out_size) {
    c->out_size = (c->out_have + length) * 2;
    c->out = realloc(c->out, c->out_size);
  }
  uint8_t *at = c->out + c->out_have;
  c->out_have += length;
  if (!c->due) {
    c->due = 1;
    due[due_count++] = c;
  }
  return at;
}

static void put(struct connection *c, const void *bytes, size_t length) { memcpy(room(c, length), bytes, length); }

static void watch(struct connection *c, int writing) {
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event)) fail("epoll");
  c->writing = writing;
}

static void flush(struct connection *c) {
  while (c->out_sent < c->out_have) {
    ssize_t n = write(c->fd, c->out + c->out_sent, c->out_have - c->out_sent);
    if (n < 0) {
      if (errno != EAGAIN) fail("write");
      if (!c->writing) watch(c, 1);
      return;
    }
    c->out_sent += n;
  }
  c->out_have = c->out_sent = 0;
  if (c->out_size > 65536) {
    free(c->out);
    c->out = NULL;
    c->out_size = 0;
  }
  if (c->writing) watch(c, 0);
}

static void flush_all(void) {
  for (int i = 0; i < due_count; i++) {
    due[i]->due = 0;
    flush(due[i]);
  }
  due_count = 0;
}

static void publish(struct connection *c, double at, int retain) {
  char name[32];
  long topic = c->publisher % topics;
  if (topics > publishers) topic = c->next_topic++ % topics;
  int length = topics == 1 ? sprintf(name, "bench/topic") : sprintf(name, "bench/%ld/topic", topic);
  size_t body = 2 + length + (qos ? 2 : 0) + size;
  uint8_t header[5] = {0x30 | (qos << 1) | retain};
  int n = 1;
  for (size_t rest = body;;) {
    header[n++] = (rest & 127) | (rest > 127 ? 128 : 0);
    if (!(rest >>= 7)) break;
  }
  uint8_t *to = room(c, n + body);
  memcpy(to, header, n);
  to += n;
  *to++ = 0;
  *to++ = length;
  memcpy(to, name, length);
  to += length;
  if (qos) {
    if (!++c->next_id) c->next_id = 1;
    *to++ = c->next_id >> 8;
    *to++ = c->next_id;
  }
  memset(to, 42, size);
  memcpy(to, &c->publisher, 4);
  memcpy(to + 4, &at, 8);
  c->sent++;
}

/* Publishes if at least half of the window is free. */
static void refill(struct connection *c) {
  long unfinished = c->sent - c->delivered / copies;
  if (qos && c->sent - c->acknowledged > unfinished) unfinished = c->sent - c->acknowledged;
  if (unfinished > window / 2) return;
  for (; unfinished < window; unfinished++) publish(c, 0, 0);
}

static void arrived(const uint8_t *body, size_t length, int level) {
  (void)level;
  received++;
  if (length < size) return;
  int publisher;
  memcpy(&publisher, body + length - size, 4);
  if (publisher < 0 || publisher >= publishers) return;
  struct connection *c = all[publisher];
  c->delivered++;
  if (paced) {
    if (!recording) return;
    double at;
    memcpy(&at, body + length - size + 4, 8);
    long step = (long)((now() - at) * 1e6 / STEP);
    latencies[step < 0 ? 0 : step >= LATENCIES / STEP ? LATENCIES / STEP - 1 : step]++;
  } else if (copies == 1 || c->delivered % copies == 0) {
    refill(c);
  }
}

static void packet(struct connection *c, uint8_t first, const uint8_t *body, size_t length) {
  uint8_t answer[4] = {0, 2};
  switch (first >> 4) {
  case 2:
    if (length < 2 || body[1]) fail("CONNACK refuses");
    c->answered++;
    return;
  case 9:
    c->answered++;
    return;
  case 3: {
    int level = (first >> 1) & 3;
    if (first & 1) retained_seen++;
    if (level) {
      const uint8_t *id = body + 2 + ((body[0] << 8) | body[1]);
      answer[0] = level == 1 ? 0x40 : 0x50;
      memcpy(answer + 2, id, 2);
      put(c, answer, 4);
    }
    arrived(body, length, level);
    return;
  }
  case 4:
  case 7:
    c->acknowledged++;
    if (c->publisher >= 0 && !paced && window) refill(c);
    return;
  case 5:
    answer[0] = 0x62;
    memcpy(answer + 2, body, 2);
    put(c, answer, 4);
    return;
  case 6:
    answer[0] = 0x70;
    memcpy(answer + 2, body, 2);
    put(c, answer, 4);
    return;
  }
}

static void readable(struct connection *c) {
  memcpy(scratch, c->in, c->have);
  errno = 0;
  ssize_t n = read(c->fd, scratch + c->have, IN_SIZE);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) fail("read");
  size_t have = c->have + n, at = 0;
  for (;;) {
    size_t length = 0, header = at + 1;
    int shift = 0, complete = 0;
    while (header < have) {
      uint8_t byte = scratch[header++];
      length |= (size_t)(byte & 127) << shift;
      shift += 7;
      if (byte < 128) {
        complete = 1;
        break;
      }
    }
    if (!complete || header + length > have) break;
    packet(c, scratch[at], scratch + header, length);
    at = header + length;
  }
  c->have = have - at;
  if (c->have > IN_SIZE) fail("packet too long");
  c->in = realloc(c->in, c->have + 1);
  memcpy(c->in, scratch + at, c->have);
}

/* Handles what the network has for at most this many milliseconds. */
static void step(int milliseconds) {
  struct epoll_event events[512];
  flush_all();
  int n = epoll_wait(epoll, events, 512, milliseconds);
  for (int i = 0; i < n; i++) {
    struct connection *c = events[i].data.ptr;
    if (events[i].events & EPOLLOUT) flush(c);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
  }
  flush_all();
}

static struct connection *begin(int publisher) {
  static int serial;
  struct connection *c = calloc(1, sizeof *c);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  c->publisher = publisher;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) fail("epoll");
  char id[24];
  int length = sprintf(id, "load%ldx%d", (long)getpid(), serial++);
  uint8_t clean = stored && publisher < 0 ? 0 : 2;
  uint8_t head[14] = {0x10, 12 + length, 0, 4, 'M', 'Q', 'T', 'T', 4, clean, 0, 0, 0, length};
  put(c, head, 14);
  put(c, id, length);
  all[count++] = c;
  return c;
}

static struct connection *join(int publisher) {
  struct connection *c = begin(publisher);
  while (c->answered < 1) step(1000);
  return c;
}

static void subscribe(struct connection *c, const char *filter, int level) {
  int length = strlen(filter), before = c->answered;
  uint8_t head[6] = {0x82, 5 + length, 0, 1, 0, length};
  put(c, head, 6);
  put(c, filter, length);
  uint8_t last = level;
  put(c, &last, 1);
  while (c->answered == before) step(1000);
}

static long quantile(double part) {
  unsigned long total = 0, below = 0;
  for (int i = 0; i < LATENCIES / STEP; i++) total += latencies[i];
  for (int i = 0; i < LATENCIES / STEP; i++)
    if ((below += latencies[i]) >= part * total) return (long)(i + 1) * STEP;
  return LATENCIES;
}

static void meet(void) {
  char filter[32];
  copies = topics == 1 || topics > subscribers ? subscribers : subscribers / topics;
  for (int i = 0; i < publishers; i++) join(i);
  for (int i = 0; i < subscribers; i++) {
    if (topics == 1) strcpy(filter, "bench/topic");
    else if (topics > subscribers) strcpy(filter, "bench/+/topic");
    else sprintf(filter, "bench/%d/topic", i % topics);
    subscribe(join(-1), filter, qos);
  }
}

static void relay(int milliseconds) {
  meet();
  for (int i = 0; i < publishers; i++) refill(all[i]);
  double start = now();
  while (now() < start + milliseconds / 3000.0) step(10); /* warm up */
  long before = received;
  double used = processor();
  start = now();
  while (now() < start + milliseconds / 1000.0) step(10);
  double seconds = now() - start;
  long messages = received - before;
  printf("{\"rate\":%.0f,\"processor\":%.4f}\n", messages / seconds, (processor() - used) * 1e6 / messages);
}

static void latency(double rate, int milliseconds) {
  latencies = calloc(LATENCIES / STEP, sizeof *latencies);
  paced = 1;
  meet();
  double warm = milliseconds / 3000.0, start = now(), end = start + warm + milliseconds / 1000.0, used = 0, began = 0;
  long sent = 0, before = 0;
  for (double time = start; time < end; time = now()) {
    if (!recording && time > start + warm) {
      recording = 1;
      began = time;
      before = received;
      used = processor();
    }
    /* A late message counts from the moment at which it was due. */
    for (double at = start + sent / rate; at <= time; at = start + ++sent / rate) publish(all[sent % publishers], at, 0);
    flush_all();
    double next = start + sent / rate - now();
    step(next > 0.002 ? 1 : 0);
  }
  double last = processor() - used, seconds = now() - began;
  long messages = received - before;
  for (double wait = now() + 1; now() < wait;) step(10);
  printf("{\"p50\":%ld,\"p99\":%ld,\"p999\":%ld,\"rate\":%.0f,\"processor\":%.4f}\n", quantile(0.5), quantile(0.99), quantile(0.999),
         messages / seconds, last * 1e6 / messages);
}

static void retain(long total) {
  publishers = 1;
  topics = total;
  qos = 1;
  copies = 1;
  struct connection *c = join(0);
  double start = now(), used = processor();
  for (long sent = 0; c->acknowledged < total;) {
    while (sent < total && sent - c->acknowledged < 1000) {
      publish(c, 0, 1);
      sent++;
    }
    flush_all();
    step(1000);
  }
  double stored = now() - start, storing = processor() - used;
  start = now();
  used = processor();
  window = 0;
  paced = 1; /* nothing is published again */
  subscribe(join(-1), "bench/#", 0);
  while (retained_seen < total) step(1000);
  double seconds = now() - start;
  printf("{\"store\":%.0f,\"storing\":%.4f,\"rate\":%.0f,\"processor\":%.4f}\n", total / stored, storing * 1e6 / total, total / seconds,
         (processor() - used) * 1e6 / total);
}

static void idle(int total, int milliseconds) {
  for (int i = 0; i < 50; i++) join(-1); /* warm up */
  for (double end = now() + milliseconds / 1000.0; now() < end;) step(100);
  double before = resident();
  double start = now();
  for (int i = 0; i < total;) {
    for (int group = i + 50; i < total && i < group; i++) begin(-1);
    while (!all[count - 1]->answered) step(1000);
  }
  double seconds = now() - start;
  for (double end = now() + milliseconds / 1000.0; now() < end;) step(100);
  printf("{\"kilobytes\":%.4f,\"connecting\":%.0f}\n", (resident() - before) / total, total / seconds);
}

int main(int argc, char **argv) {
  long a, b, c;
  double rate;
  int milliseconds;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  alarm(TIME_LIMIT);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (argc != 4) return 2;
  port = atoi(argv[1]);
  pid = atol(argv[2]);
  epoll = epoll_create1(0);
  all = calloc(65536, sizeof *all);
  due = calloc(65536, sizeof *due);
  const char *work = argv[3];
  if (strncmp(work, "stored/", 7) == 0) {
    stored = 1;
    work += 7;
  }
  if (sscanf(work, "relay/%d/%d/%d/%d/%zu/%ld/%d", &publishers, &subscribers, &topics, &qos, &size, &window, &milliseconds) == 7) {
    if (size < STAMP) size = STAMP;
    relay(milliseconds);
  } else if (sscanf(work, "latency/%d/%d/%d/%d/%zu/%lf/%d", &publishers, &subscribers, &topics, &qos, &size, &rate, &milliseconds) == 7) {
    if (size < STAMP) size = STAMP;
    latency(rate, milliseconds);
  } else if (sscanf(work, "retain/%ld/%ld", &a, &b) == 2) {
    size = b < STAMP ? STAMP : b;
    retain(a);
  } else if (sscanf(work, "idle/%ld/%ld", &a, &c) == 2) {
    idle(a, c);
  } else {
    return 2;
  }
  return 0;
}
