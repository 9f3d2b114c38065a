// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxWatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif
#define MIDWATCH_P_PIDFD 3

extern char **environ;

static int result(long rc) { return rc < 0 ? -errno : (int)rc; }

int clinux_pidfd_open(int32_t pid) { return result(syscall(SYS_pidfd_open, pid, 0)); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
    return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0));
}

int clinux_pidfd_reap(int pidfd, int *status) {
    siginfo_t info = {0};
    if (waitid((idtype_t)MIDWATCH_P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG) != 0)
        return -errno;
    if (info.si_pid == 0) return -EAGAIN;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 0;
}

int clinux_signalfd(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    int rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc != 0) return -rc;
    return result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

int clinux_signalfd_read(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int clinux_pipe(int ends[2]) { return result(pipe2(ends, O_CLOEXEC)); }

int clinux_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

int clinux_spawn(char *const arguments[], int input, int output, int new_session, int32_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    pid_t child = 0;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0) return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -rc;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    flags |= new_session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
    posix_spawnattr_setflags(&attributes, flags);
    if (input >= 0) rc = posix_spawn_file_actions_adddup2(&actions, input, 0);
    else rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0 && output >= 0) rc = posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (rc == 0 && output >= 0) rc = posix_spawn_file_actions_adddup2(&actions, output, 2);
    if (rc == 0) rc = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) return -rc;
    *pid = child;
    int pidfd = clinux_pidfd_open(child);
    if (pidfd < 0) {
        // Without a descriptor the child could not be waited for safely: end it and say so.
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return pidfd;
}

int clinux_tcp_begin(const void *address, uint32_t address_bytes, int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, address, address_bytes) == 0 || errno == EINPROGRESS) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int clinux_socket_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

int clinux_udp_socket(void) {
    return result(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int clinux_udp_send_loopback(int fd, uint16_t port, const void *bytes, size_t count) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof to);
    return sent < 0 ? -errno : 0;
}

int clinux_unix_datagram_socket(void) {
    return result(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

int clinux_unix_send(int fd, const char *path, size_t path_bytes, const void *bytes, size_t count) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path_bytes == 0 || path_bytes >= sizeof to.sun_path) return -ENAMETOOLONG;
    memcpy(to.sun_path, path, path_bytes);
    if (path[0] == '@') to.sun_path[0] = 0;
    // An abstract name ends where its length says, a path at its zero byte.
    size_t size = offsetof(struct sockaddr_un, sun_path) + path_bytes + (path[0] == '@' ? 0 : 1);
    ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)size);
    return sent < 0 ? -errno : 0;
}

int clinux_socket_accepts(int fd) {
    int accepts = 0;
    socklen_t size = sizeof accepts;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) != 0) return -errno;
    return accepts != 0;
}

int clinux_set_fifo(int priority) {
    struct sched_param parameter = {.sched_priority = priority};
    return result(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter));
}

int clinux_lock_memory(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return -errno;
    if (limit.rlim_cur != RLIM_INFINITY) return -EPERM;
    return result(mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT));
}

int clinux_watchdog_set_timeout(int fd, int *seconds) {
    return result(ioctl(fd, WDIOC_SETTIMEOUT, seconds));
}

int clinux_watchdog_keep_alive(int fd) { return result(ioctl(fd, WDIOC_KEEPALIVE, 0)); }

int clinux_watchdog_boot_status(int fd, int *flags) {
    return result(ioctl(fd, WDIOC_GETBOOTSTATUS, flags));
}
