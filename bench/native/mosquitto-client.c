/*
 * The peer in C: libmosquitto, as its users use it, in one thread. mosquitto-client DIRECTION/QOS/COUNT/SIZE PORT prints
 * messages per second, and the microseconds of processor time for each, as JSON.
 */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* The same number of unacknowledged messages as the other clients of this benchmark. */
#define WINDOW 1000

static long done;
static int connected;

static void on_connect(struct mosquitto *m, void *o, int code) {
  (void)m;
  (void)o;
  if (code != 0) exit(1);
  connected = 1;
}

static void on_publish(struct mosquitto *m, void *o, int id) {
  (void)m;
  (void)o;
  (void)id;
  done++;
}

static void on_message(struct mosquitto *m, void *o, const struct mosquitto_message *message) {
  (void)m;
  (void)o;
  (void)message;
  done++;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

/* Returns the processor time of this process, in microseconds. */
static double processor(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void loop(struct mosquitto *m, int timeout) {
  if (mosquitto_loop(m, timeout, 1) != MOSQ_ERR_SUCCESS) {
    fprintf(stderr, "the connection was lost\n");
    exit(1);
  }
}

static void publish(struct mosquitto *m, int qos, long count, int size) {
  char *payload = malloc(size);
  memset(payload, '*', size);
  done = 0;
  for (long sent = 0; sent < count;) {
    while (sent < count && sent - done < WINDOW) {
      if (mosquitto_publish(m, NULL, "bench/topic", size, payload, qos, false) != MOSQ_ERR_SUCCESS) exit(1);
      sent++;
    }
    loop(m, 0);
  }
  while (done < count) loop(m, 10);
  /* Everything before it has arrived. */
  done = 0;
  mosquitto_publish(m, NULL, "bench/topic", 1, "*", 1, false);
  while (done == 0) loop(m, 10);
  free(payload);
}

int main(int argc, char **argv) {
  char direction[16];
  int qos, size;
  long count;
  if (argc != 3 || sscanf(argv[1], "%15[^/]/%d/%ld/%d", direction, &qos, &count, &size) != 4) return 2;
  mosquitto_lib_init();
  struct mosquitto *m = mosquitto_new(NULL, true, NULL);
  mosquitto_max_inflight_messages_set(m, 0);
  mosquitto_connect_callback_set(m, on_connect);
  mosquitto_publish_callback_set(m, on_publish);
  mosquitto_message_callback_set(m, on_message);
  if (mosquitto_connect(m, "127.0.0.1", atoi(argv[2]), 3600) != MOSQ_ERR_SUCCESS) return 1;
  while (!connected) loop(m, 10);
  double start = now();
  double used = processor();
  if (strcmp(direction, "publish") == 0) {
    publish(m, qos, count, size);
  } else {
    char filter[80];
    snprintf(filter, sizeof filter, "flood/%d/%ld/%d", qos, count, size);
    mosquitto_subscribe(m, NULL, filter, qos);
    while (done < count) loop(m, 10);
  }
  printf("{\"rate\": %.0f, \"processor\": %.2f}\n", count / (now() - start), (processor() - used) / count);
  mosquitto_disconnect(m);
  mosquitto_destroy(m);
  return 0;
}
