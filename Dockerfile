# For machines TFX 1.16 has no packages for (Windows, Apple silicon, ARM): the same two commands in a Debian container.
#   docker build --platform linux/amd64 -t mlops-workbook .
#   docker run --rm -v "$PWD/build/report:/workbook/build/report" mlops-workbook make run
#   docker run --rm -p 127.0.0.1:8888:8888 -v "$PWD/learn:/workbook/learn" mlops-workbook make learn
FROM python:3.10-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends git make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /workbook
COPY . .
RUN make setup
ENV WORKBOOK_LAB="--ip=0.0.0.0 --allow-root --no-browser"
EXPOSE 8888
CMD ["make", "run"]
