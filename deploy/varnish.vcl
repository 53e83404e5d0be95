# Pressroom behind Varnish 7.1 or newer. README.md in this folder explains the installation ("Another proxy in front").
# 8000 is the port of PRESSROOM_HTTP.

vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "8000";
    .connect_timeout = 5s;
    .first_byte_timeout = 60s;
}

sub vcl_recv {
    # What comes with a request can't be believed. With TLS in front of Varnish, see README.md.
    set req.http.X-Forwarded-Proto = "http";
    # A stream is passed on byte by byte; its heartbeats come every 15 seconds, and pipe_timeout is 60.
    if (req.url ~ "^(/post/[0-9]+)?/live(\?|$)") {
        return (pipe);
    }
    # Their addresses change with their content, so that they can be kept.
    if (req.url ~ "^/(static|media)/" && req.method ~ "^(GET|HEAD)$") {
        unset req.http.Cookie;
        return (hash);
    }
    # uWSGI serves pages as files, about as fast as a cache, and they are current.
    return (pass);
}

sub vcl_pipe {
    set bereq.http.Connection = "close";
}
