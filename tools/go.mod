module github.com/gustcloud/gust/tools

go 1.26.0
