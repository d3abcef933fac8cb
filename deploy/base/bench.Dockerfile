# Tools of the network benches, and a web server that costs next to nothing. Built for benches only.
ARG BASE
FROM ${BASE}
COPY apt/ /opt/apt/
RUN sh /opt/apt/install.sh iperf3 nginx-light wrk
