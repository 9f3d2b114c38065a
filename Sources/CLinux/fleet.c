// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinuxFleet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

int clinux_fleet_gso_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes) {
    if (segment_bytes == 0) return EINVAL;
    if (count == 0) return 0;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > segment_bytes) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = IPPROTO_UDP;
        header->cmsg_type = UDP_SEGMENT;
        header->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        memcpy(CMSG_DATA(header), &segment_bytes, sizeof segment_bytes);
    }
    ssize_t rc;
    do {
        rc = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? errno : 0;
}

int clinux_udp_many_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes,
                         uint32_t *sent) {
    struct mmsghdr messages[CLINUX_UDP_SEND_MAX];
    struct iovec parts[CLINUX_UDP_SEND_MAX];
    *sent = 0;
    if (segment_bytes == 0 || count > (size_t)segment_bytes * CLINUX_UDP_SEND_MAX) return EINVAL;
    memset(messages, 0, sizeof messages);
    unsigned total = 0;
    for (size_t offset = 0; offset < count; offset += segment_bytes, total++) {
        size_t length = count - offset < segment_bytes ? count - offset : segment_bytes;
        parts[total] = (struct iovec){.iov_base = (char *)bytes + offset, .iov_len = length};
        messages[total].msg_hdr.msg_iov = &parts[total];
        messages[total].msg_hdr.msg_iovlen = 1;
    }
    while (*sent < total) {
        int rc = sendmmsg(fd, messages + *sent, total - *sent, MSG_NOSIGNAL);
        if (rc < 0 && errno == EINTR) continue;
        if (rc < 0) return errno;
        *sent += (uint32_t)rc;
    }
    return 0;
}

int clinux_fleet_epoll(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int clinux_fleet_watch(int epoll, int fd, uint64_t tag, int add, int writable) {
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.u64 = tag};
    return epoll_ctl(epoll, add ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

int clinux_fleet_wait(int epoll, uint64_t timeout_ns, struct clinux_fleet_event *events,
                      int capacity) {
    enum { MAX = 256 };
    struct epoll_event raw[MAX];
    // epoll_wait counts in milliseconds; ppoll on the epoll descriptor does not.
    struct pollfd wanted = {.fd = epoll, .events = POLLIN};
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    if (timeout_ns > 0 && ppoll(&wanted, 1, &timeout, NULL) <= 0) return 0;
    int count = epoll_wait(epoll, raw, capacity < MAX ? capacity : MAX, 0);
    for (int i = 0; i < count; i++) {
        events[i].tag = raw[i].data.u64;
        events[i].readable = (raw[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
        events[i].writable = (raw[i].events & EPOLLOUT) != 0;
    }
    return count < 0 ? 0 : count;
}
