module github.com/gustcloud/gust

go 1.26.0
