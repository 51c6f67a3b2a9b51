/* wan: a long-distance line for UDP, between two WireGuard endpoints.
 *
 * Linux without netem cannot delay packets. WireGuard is UDP, so this relay between its two ends can:
 * it gives the line a rate, a one-way delay, a loss rate and a bounded queue, in both directions.
 *
 *      wan A_IP A_PORT  B_IP B_PORT  DEST_IP DEST_PORT  RATE_MBIT DELAY_MS LOSS_PCT QUEUE_MS
 *
 * What arrives at A_IP:A_PORT leaves from B_IP:B_PORT to DEST_IP:DEST_PORT. What arrives at
 * B_IP:B_PORT goes back to whoever last sent to A. A rate of 0 is no limit.
 *
 * Signals: USR1 cuts the line (everything is lost, also what is on its way), USR2 restores it;
 * TERM and INT end the program. Counters go to standard error every 5 s and at the end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PACKET_BYTES = 2048,           /* more than any MTU here */
    LANE_PACKETS = 1 << 15,        /* 64 MiB a lane at most; memory is touched as it fills */
    BATCH_PACKETS = 64,            /* taken from one socket before the other gets its turn */
    IP_UDP_HEADER_BYTES = 28,
    SOCKET_BUFFER_BYTES = 8 << 20,
    REPORT_S = 5,
};

struct packet {
    double due; /* seconds, CLOCK_MONOTONIC */
    size_t length;
    unsigned char bytes[PACKET_BYTES];
};

/* One direction: a ring of packets in the order they leave. */
struct lane {
    struct packet *ring;
    unsigned head, tail;
    double free_at; /* when the line has sent everything queued so far */
    unsigned long forwarded, dropped, bytes;
};

struct line {
    double bytes_per_s; /* 0: no limit */
    double delay_s;
    double loss;    /* 0 to 1 */
    double queue_s; /* a packet that would wait longer is dropped */
    bool is_cut;
};

struct address {
    struct sockaddr_in in;
    bool is_known;
};

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double number(const char *text, double lowest, double highest)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= lowest && value <= highest)) {
        fprintf(stderr, "wan: %s is not a number from %g to %g\n", text, lowest, highest);
        exit(2);
    }
    return value;
}

static struct address endpoint(const char *ip, const char *port)
{
    struct address a = {.is_known = true};
    a.in.sin_family = AF_INET;
    a.in.sin_port = htons((unsigned short)number(port, 1, 65535));
    if (inet_pton(AF_INET, ip, &a.in.sin_addr) != 1) {
        fprintf(stderr, "wan: %s is not an IPv4 address\n", ip);
        exit(2);
    }
    return a;
}

static int listen_at(struct address a)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int size = SOCKET_BUFFER_BYTES;
    if (s < 0)
        fail("socket");
    /* A smaller buffer only means loss earlier; whoever may not force it gets the usual one. */
    if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        setsockopt(s, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (bind(s, (struct sockaddr *)&a.in, sizeof a.in) != 0)
        fail("bind");
    return s;
}

static bool is_full(const struct lane *l)
{
    return (l->tail + 1) % LANE_PACKETS == l->head;
}

/* Queue one packet behind the others, or lose it as the line would. */
static void take(struct lane *l, const struct line *line, const unsigned char *bytes, size_t length,
                 double t)
{
    double start = l->free_at > t ? l->free_at : t;
    bool is_lost = line->loss > 0 && drand48() < line->loss;
    if (line->is_cut || is_lost || start - t > line->queue_s || is_full(l)) {
        l->dropped++;
        return;
    }
    double on_wire = (double)(length + IP_UDP_HEADER_BYTES);
    l->free_at = line->bytes_per_s > 0 ? start + on_wire / line->bytes_per_s : start;
    struct packet *p = &l->ring[l->tail];
    p->due = l->free_at + line->delay_s;
    p->length = length;
    memcpy(p->bytes, bytes, length);
    l->tail = (l->tail + 1) % LANE_PACKETS;
}

/* Read what waits at a socket; remember who sent last where `sender` is given. */
static void receive(int s, struct lane *l, const struct line *line, struct address *sender)
{
    unsigned char bytes[PACKET_BYTES];
    for (int i = 0; i < BATCH_PACKETS; i++) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(s, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
        if (n < 0)
            return; /* nothing more, or an ICMP error of an earlier packet: the line goes on */
        if (sender != NULL) {
            sender->in = from;
            sender->is_known = true;
        }
        take(l, line, bytes, (size_t)n, now());
    }
}

/* Send what is due. Gives the time the next packet is due, or -1. */
static double release(struct lane *l, int s, const struct address *to, double t)
{
    for (; l->head != l->tail; l->head = (l->head + 1) % LANE_PACKETS) {
        const struct packet *p = &l->ring[l->head];
        if (p->due > t)
            return p->due;
        if (to->is_known &&
            sendto(s, p->bytes, p->length, 0, (const struct sockaddr *)&to->in, sizeof to->in) >= 0) {
            l->forwarded++;
            l->bytes += p->length + IP_UDP_HEADER_BYTES;
        } else {
            l->dropped++;
        }
    }
    return -1;
}

static void arm(int timer, double due, double t)
{
    double wait = due - t < 2e-5 ? 2e-5 : due - t;
    struct itimerspec it = {0};
    it.it_value.tv_sec = (time_t)wait;
    it.it_value.tv_nsec = (long)((wait - (double)it.it_value.tv_sec) * 1e9);
    timerfd_settime(timer, 0, &it, NULL);
}

static void report(const struct lane *l)
{
    fprintf(stderr, "a>b forwarded %lu dropped %lu bytes %lu | b>a forwarded %lu dropped %lu bytes %lu\n",
            l[0].forwarded, l[0].dropped, l[0].bytes, l[1].forwarded, l[1].dropped, l[1].bytes);
}

static void set_cut(struct line *line, struct lane *l, bool is_cut)
{
    line->is_cut = is_cut;
    for (int i = 0; is_cut && i < 2; i++) {
        for (; l[i].head != l[i].tail; l[i].head = (l[i].head + 1) % LANE_PACKETS)
            l[i].dropped++;
        l[i].free_at = 0;
    }
    fprintf(stderr, is_cut ? "line cut\n" : "line restored\n");
}

/* Act on waiting signals; false when the program is to end. */
static bool handle_signals(int signals, struct line *line, struct lane *lanes)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2)
            return false;
        set_cut(line, lanes, info.ssi_signo == SIGUSR1);
    }
    return true;
}

static int signal_source(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        fail("sigprocmask");
    int s = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s < 0)
        fail("signalfd");
    return s;
}

int main(int argc, char **argv)
{
    if (argc != 11) {
        fprintf(stderr, "usage: wan A_IP A_PORT B_IP B_PORT DEST_IP DEST_PORT"
                        " RATE_MBIT DELAY_MS LOSS_PCT QUEUE_MS\n");
        return 2;
    }
    int signals = signal_source();
    int side_a = listen_at(endpoint(argv[1], argv[2]));
    int side_b = listen_at(endpoint(argv[3], argv[4]));
    struct address there = endpoint(argv[5], argv[6]), back = {0};
    struct line line = {
        .bytes_per_s = number(argv[7], 0, 100000) * 1e6 / 8,
        .delay_s = number(argv[8], 0, 10000) / 1e3,
        .loss = number(argv[9], 0, 100) / 100,
        .queue_s = number(argv[10], 0, 10000) / 1e3,
    };
    struct lane lanes[2] = {0};
    for (int i = 0; i < 2; i++)
        if ((lanes[i].ring = malloc(sizeof(struct packet) * LANE_PACKETS)) == NULL)
            fail("malloc");
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (timer < 0)
        fail("timerfd_create");

    struct pollfd sources[] = {
        {side_a, POLLIN, 0}, {side_b, POLLIN, 0}, {timer, POLLIN, 0}, {signals, POLLIN, 0}};
    double reported = now();
    while (handle_signals(signals, &line, lanes)) {
        unsigned long long expirations;
        poll(sources, 4, 1000);
        while (read(timer, &expirations, sizeof expirations) > 0)
            continue;
        receive(side_a, &lanes[0], &line, &back);
        receive(side_b, &lanes[1], &line, NULL);
        double t = now();
        double due_a = release(&lanes[0], side_b, &there, t);
        double due_b = release(&lanes[1], side_a, &back, t);
        if (due_a >= 0 || due_b >= 0)
            arm(timer, due_a < 0 || (due_b >= 0 && due_b < due_a) ? due_b : due_a, t);
        if (t - reported > REPORT_S) {
            report(lanes);
            reported = t;
        }
    }
    report(lanes);
    return 0;
}
